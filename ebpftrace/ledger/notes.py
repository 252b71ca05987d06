"""What happened, told once: the lines between two snapshots."""

from dataclasses import dataclass

from ebpftrace.counters import ProcessCounters, Usage
from ebpftrace.events import ProcessKey
from ebpftrace.jobs.identity import JobIdentity


@dataclass(frozen=True, slots=True)
class Note:
    """Base of all notes. views/notes.py has a row for each type."""

    time_ns: int  # Unix time
    monotonic_ns: int


@dataclass(frozen=True, slots=True)
class ProcessNote(Note):
    """A process came, went, was renamed or moved."""

    event: str  # found, exec, fork, rename, moved, exit
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


@dataclass(frozen=True, slots=True)
class OomNote(Note):
    """The OOM killer took a process of a job we know, or one we tracked."""

    key: ProcessKey
    comm: str
    job: JobIdentity
    usage: Usage
    limit_bytes: int | None
    tracked: bool


@dataclass(frozen=True, slots=True)
class StallNote(Note):
    """A job's tasks waited for the kernel to reclaim memory, since that was last told."""

    job: JobIdentity
    stalled_ns: int
    stalls: int


@dataclass(frozen=True, slots=True)
class PressureNote(Note):
    """A job's tasks wait for memory, told by the kernel as it happens (PSI, cgroup v2).

    `some_ns`: at least one of them waited; `full_ns`: all that could have run did. Since the
    cgroup was last read, `within_ns` ago.
    """

    job: JobIdentity
    some_ns: int
    full_ns: int
    within_ns: int


@dataclass(frozen=True, slots=True)
class LossNote(Note):
    """Something was missed since that was last told, and counted."""

    cause: str
    count: int
    total: int
