"""What became of a step, and of an incident; and all that is told of one."""

from dataclasses import dataclass
from enum import StrEnum

from ebpftrace.events import ProcessKey
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge.finding import Finding


class StepStatus(StrEnum):
    """How a step ended."""

    DONE = "done"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    SKIPPED = "skipped"  # a guard, the budget, a cool-down, or a dry run: `detail` says which


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """One rung climbed; `detail` is one cleaned line.

    `began_ns` is CLOCK_MONOTONIC; `monotonic_ns` and `time_ns` (Unix time) are when it was
    over.
    """

    incident: str
    policy: str
    job: JobIdentity
    process: ProcessKey
    comm: str
    action: str
    status: StepStatus
    detail: str
    began_ns: int
    took_ns: int
    monotonic_ns: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether it helped, told once an incident is over.

    `called_off`: somebody decided otherwise, and nothing is said about the ladder.
    `evidence` is the folder of what was saved, "" if nothing was. Times as for a step;
    `took_ns` is from the breach on.
    """

    incident: str
    policy: str
    job: JobIdentity
    process: ProcessKey
    comm: str
    helped: bool
    bytes_won: int
    took_ns: int
    sentence: str
    evidence: str
    monotonic_ns: int
    time_ns: int
    called_off: bool = False


BreakerEvent = Finding | StepOutcome | Outcome
"""What is told while an incident runs: its breach, each step, and how it ended."""
