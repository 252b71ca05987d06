"""One run of a job: what it held over time, and how it ended."""

from enum import StrEnum
from typing import NamedTuple

from ebpftrace.history.recurring import RecurringJob


class RunEnd(StrEnum):
    """How a run ended."""

    OK = "ok"
    FAILED = "failed"  # its main process failed, or a signal such as SIGSEGV ended a process
    OOM_KILLED = "oom_killed"  # the kernel's OOM killer killed a process of it
    ENDED_BY_EBPFTRACE = "ended_by_ebpftrace"  # an action or a fuse ended a process of it
    UNKNOWN = "unknown"  # not seen from its start, or not to its end


class ProgramVersion(NamedTuple):
    """A program that was tracked; `version` is "" if it is not known."""

    name: str
    version: str = ""


class CurvePoint(NamedTuple):
    """What was held, `age_s` seconds after the start of the run."""

    age_s: float
    held_bytes: int


class Run(NamedTuple):
    """One run. `curve` has at most 64 points, the highest of each step of time.

    `watch_key` is the job's key within the watch that recorded it. `measured` is what was
    counted: on cgroup v1 and v2, of a whole cgroup and of the tracked processes alone the
    bytes differ, so that only runs with the same `measured` are comparable.
    """

    job: RecurringJob
    watch_key: str
    start_time_ns: int  # Unix time
    duration_ns: int
    limit_bytes: int | None  # None: no limit
    peak_bytes: int  # the most it held, exactly
    curve: tuple[CurvePoint, ...]
    end: RunEnd
    measured: str
    programs: tuple[ProgramVersion, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether a later run may be compared with it."""
        return self.end is RunEnd.OK and bool(self.curve)
