"""How close a job is to its limit, for signs and colours. It judges nothing: see judge/."""

from ebpftrace.ledger import JobSnapshot

_NEAR = 0.9
_RAISED = 0.75
_SOON_S = 60.0


def held_share(job: JobSnapshot) -> float | None:
    """What the tracked processes hold (anon, shmem) as a share of the limit, 0..1.

    The charge itself is no alarm: page cache fills it to the limit in healthy jobs.
    """
    limit = job.cgroup.limit_bytes
    return (job.usage.anon_bytes + job.usage.shmem_bytes) / limit if limit else None


def level(job: JobSnapshot) -> str:
    """`near` from 90 % of the limit held; `raised` from 75 %, or a minute from it."""
    share = held_share(job)
    if share is None:
        return "calm"
    if share >= _NEAR:
        return "near"
    soon = job.seconds_to_limit is not None and job.seconds_to_limit <= _SOON_S
    return "raised" if share >= _RAISED or soon else "calm"
