"""What happened between two snapshots, each reported once."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from ebpftrace.counters import ProcessCounters, Usage
from ebpftrace.events import OomKilled, ProcessKey
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.limits import fullest_level


class ProcessChange(StrEnum):
    """What happened to a process. The first three are how it came to be watched."""

    FOUND = "found"  # it ran already when the watch began
    EXEC = "exec"
    FORK = "fork"
    RENAME = "rename"
    MOVED = "moved"  # to another job
    SHARED = "shared"  # one that shared all its memory has ended; it is watched in its place
    EXIT = "exit"


class ProcessNote(NamedTuple):
    """A process started, ended, was renamed or moved."""

    time_ns: int  # Unix time
    monotonic_ns: int
    event: ProcessChange
    key: ProcessKey
    start_time_ns: int
    parent_pid: int
    comm: str
    job: JobIdentity
    cmdline: str
    counters: ProcessCounters
    exit_code: int | None = None  # on exit only
    signal: int | None = None
    executed: bool = False  # the exit was an exec; of a watched program if a start follows
    role: str = ""  # "telemetry": the crash monitor a Go tool starts of itself


class OomNote(NamedTuple):
    """The OOM killer killed a tracked process, or one of a known job."""

    time_ns: int  # Unix time
    monotonic_ns: int
    key: ProcessKey
    comm: str
    job: JobIdentity
    usage: Usage
    limit_bytes: int | None
    tracked: bool
    kernel_bytes: int | None = None  # kernel memory of its cgroup; None: not known
    limit_cgroup: str = ""  # of a limit that others share; "": it is the cgroup's own
    other_jobs: int = 0  # running below that cgroup

    @classmethod
    def of(
        cls,
        event: OomKilled,
        job: JobIdentity,
        unix_ns: int,
        kernel_bytes: int | None = None,
        jobs_below: Mapping[int, int] = MappingProxyType({}),
    ) -> "OomNote":
        """The note of an event that concerns this job; `unix_ns` is the event's time.

        `jobs_below` are the running jobs below each cgroup with a limit, by its id. Kernel
        memory is as the event has it, and else as it was read before: on v2 only files do.
        """
        limit_bytes, cgroup, others = event.cgroup.limit_bytes, "", 0
        level = fullest_level(event.cgroup)
        if level is not None:
            limit_bytes, cgroup = level.limit_bytes, level.path
            others = max(0, jobs_below.get(level.cgroup_id, 0) - 1) if cgroup else 0
        if event.cgroup.kernel_bytes is not None:
            kernel_bytes = event.cgroup.kernel_bytes
        return cls(
            unix_ns, event.time_ns, event.key, event.comm, job, event.usage, limit_bytes,
            event.tracked, kernel_bytes, cgroup, others,
        )  # fmt: skip


class StallNote(NamedTuple):
    """A job's tasks waited for the kernel to reclaim memory, since the last such note."""

    time_ns: int  # Unix time
    monotonic_ns: int
    job: JobIdentity
    stalled_ns: int
    stalls: int


class PressureNote(NamedTuple):
    """A job's tasks wait for memory, reported by the kernel as it happens (PSI, cgroup v2).

    `some_ns`: at least one of them waited; `full_ns`: all that could have run did. Since the
    cgroup was last read, `within_ns` ago.
    """

    time_ns: int  # Unix time
    monotonic_ns: int
    job: JobIdentity
    some_ns: int
    full_ns: int
    within_ns: int


@dataclass(frozen=True, slots=True)
class LossNote:
    """Events were missed since the last such note: `count` of them, `total` in all."""

    time_ns: int  # Unix time
    monotonic_ns: int
    cause: str
    count: int
    total: int


Note = ProcessNote | OomNote | StallNote | PressureNote | LossNote
"""All notes. views/notes.py has a row for each type."""
