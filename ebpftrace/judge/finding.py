"""What the judge says: measured, bound, since when, and one sentence a person understands."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from ebpftrace.events import ProcessKey
from ebpftrace.jobs.identity import JobIdentity


class Severity(IntEnum):
    """How loudly a finding is said; a policy may ask for a least one."""

    NOTICE = 1  # worth knowing: a burst, a new high
    WARNING = 2  # a leak, by all that can be seen: it will end at the limit
    CRITICAL = 3  # the end is near, or it has come


class FindingState(StrEnum):
    """Where a finding is in its life. All but `continue` are told."""

    BEGIN = "begin"
    RISE = "rise"  # it is more severe than it was
    CONTINUE = "continue"
    END = "end"


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is judged: a job, or one process of it."""

    job: JobIdentity
    process: ProcessKey | None = None
    comm: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One detector's word on one subject.

    `measured` and `bound` are in `unit`: bytes, bytes/s, seconds, share (0..1) or kills.
    `since_ns` is when the condition began, `monotonic_ns` when it was judged, both on
    CLOCK_MONOTONIC; `time_ns` is the latter as Unix time.
    """

    detector: str
    subject: Subject
    severity: Severity
    measured: float
    bound: float
    unit: str
    since_ns: int
    time_ns: int
    monotonic_ns: int
    seconds_to_limit: float | None
    sentence: str
    state: FindingState = FindingState.BEGIN

    @property
    def key(self) -> tuple[str, str, ProcessKey | None]:
        """What makes it the same finding as a moment ago."""
        return self.detector, self.subject.job.key, self.subject.process
