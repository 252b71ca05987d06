"""What the judge says: measured, bound, since when, and one sentence a person understands."""

from dataclasses import dataclass
from enum import IntEnum

from ebpftrace.events import JobIdentity, ProcessKey


class Severity(IntEnum):
    """How loudly a finding is said; a policy may ask for a least one."""

    NOTICE = 1  # worth knowing: a burst, a new high
    WARNING = 2  # a leak, by all that can be seen: it will end at the limit
    CRITICAL = 3  # the end is near, or it has come


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is judged: a job, or one process of it."""

    job: JobIdentity
    process: ProcessKey | None = None
    comm: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One detector's word on one subject.

    `measured` and `bound` are in `unit`: bytes, bytes/s, seconds or share (0..1). `since_ns`
    is when the condition began, `time_ns` when it was judged, both CLOCK_MONOTONIC.
    """

    detector: str
    subject: Subject
    severity: Severity
    measured: float
    bound: float
    unit: str
    since_ns: int
    time_ns: int
    seconds_to_limit: float | None
    sentence: str

    @property
    def key(self) -> tuple[str, str, ProcessKey | None]:
        """What makes it the same finding as a moment ago."""
        return self.detector, self.subject.job.key, self.subject.process
