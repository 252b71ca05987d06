"""What the judge reports: measured, bound, since when, and one sentence for people."""

from enum import IntEnum, StrEnum
from typing import NamedTuple

from ebpftrace.events import ProcessKey
from ebpftrace.jobs.identity import JobIdentity


class Severity(IntEnum):
    """How urgent a finding is; a policy may ask for a minimum."""

    NOTICE = 1  # worth knowing: a forecast, a burst, a new high
    WARNING = 2  # it will probably fail
    CRITICAL = 3  # the limit was reached, or is near and there is evidence


class FindingUnit(StrEnum):
    """What a finding is measured in, and its bound too."""

    BYTES = "bytes"
    BYTES_PER_SECOND = "bytes/s"
    SECONDS = "seconds"
    SHARE = "share"  # 0..1
    FAULTS_PER_SECOND = "faults/s"
    KILLS = "kills"
    ENTRIES = "entries"


class FindingState(StrEnum):
    """Where a finding is in its life. All but `continue` are reported."""

    BEGIN = "begin"
    RISE = "rise"  # it is more severe than it was
    CONTINUE = "continue"
    END = "end"


class Subject(NamedTuple):
    """What is judged: a job, or one process of it."""

    job: JobIdentity
    process: ProcessKey | None = None
    comm: str = ""


class Finding(NamedTuple):
    """What one detector found of one subject.

    `measured` and `bound` are in `unit`. `measures_gain` is the detector's property.
    `since_ns` is when the condition began, `monotonic_ns` when it was judged, both on
    CLOCK_MONOTONIC; `time_ns` is the latter as Unix time.
    """

    detector: str
    subject: Subject
    severity: Severity
    measured: float
    bound: float
    unit: FindingUnit
    measures_gain: bool
    since_ns: int
    time_ns: int
    monotonic_ns: int
    seconds_to_limit: float | None
    sentence: str
    state: FindingState = FindingState.BEGIN

    @property
    def key(self) -> tuple[str, str, ProcessKey | None]:
        """Equal for the same finding in successive snapshots."""
        return self.detector, self.subject.job.key, self.subject.process
