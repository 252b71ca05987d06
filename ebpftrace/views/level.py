"""How close a job is to its limit, for signs and colours. Findings come from judge/."""

from enum import StrEnum

from ebpftrace.ledger import JobSnapshot

_NEAR = 0.9
_RAISED = 0.75
_SOON_S = 60.0


class Danger(StrEnum):
    """How bad the state of a job is, the worst first."""

    FROZEN = "frozen"  # a fuse has stopped a process of it
    NEAR = "near"
    RAISED = "raised"
    CALM = "calm"


def level(job: JobSnapshot) -> Danger:
    """NEAR from 90 % of the limit; RAISED from 75 %, or within a minute of the limit."""
    share = job.used_share
    if share is None:
        return Danger.CALM
    if share >= _NEAR:
        return Danger.NEAR
    soon = job.seconds_to_limit is not None and job.seconds_to_limit <= _SOON_S
    return Danger.RAISED if share >= _RAISED or soon else Danger.CALM
