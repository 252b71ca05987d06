"""What became of a step, and of an incident."""

from dataclasses import dataclass
from enum import StrEnum

from ebpftrace.events import JobIdentity, ProcessKey


class Status(StrEnum):
    """How a step ended."""

    DONE = "done"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    SKIPPED = "skipped"  # a guard, the budget, a cool-down, or a dry run: `detail` says which


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """One rung climbed. Times are CLOCK_MONOTONIC; `detail` is one cleaned line."""

    incident: str
    action: str
    status: Status
    detail: str
    began_ns: int
    took_ns: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether it helped, told once an incident is over."""

    incident: str
    policy: str
    job: JobIdentity
    process: ProcessKey | None
    comm: str
    helped: bool
    bytes_won: int
    took_ns: int
    sentence: str
