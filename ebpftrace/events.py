"""What happened in the kernel, as frozen values: `probe` makes them, `ledger` records them.

Sizes are bytes; times are nanoseconds, of CLOCK_MONOTONIC if the name has no other clock. Names
(comm, arguments, paths) were cleaned by `ebpftrace.text.clean`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from signal import SIGKILL

from ebpftrace.counters import CgroupCounters, CgroupPressure, Delays, ProcessCounters, Usage


class StartCause(StrEnum):
    """How a process came to be tracked."""

    EXEC = "exec"  # it executed a program that is watched
    FORK = "fork"  # a tracked process forked it, and it shares no memory with its parent
    RENAME = "rename"  # it gave itself (prctl) a name that is watched
    FOUND = "found"  # it was running already
    MOVED = "moved"  # it came into a cgroup that is watched
    SHARED = "shared"  # a watched process with which it shares all memory has ended


@dataclass(frozen=True, slots=True, order=True)
class ProcessKey:
    """One process: its pid with its start time, since pids are reused."""

    pid: int
    start_boottime_ns: int


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events. `time_ns` is when it happened, or when it was read."""

    time_ns: int


@dataclass(frozen=True, slots=True)
class ProcessStarted(Event):
    """A process is tracked from here on."""

    key: ProcessKey
    parent_pid: int
    how: StartCause
    comm: str
    cgroup_id: int
    program: str = ""  # path given to exec, or /proc/PID/exe
    args: tuple[str, ...] = ()
    counters: ProcessCounters = ProcessCounters()
    role: str = ""  # "telemetry": the crash monitor a Go tool starts of itself
    exec_name: str = ""  # the name it was executed under, cut as the kernel cuts `comm`
    same_program: bool = False  # a watched process started it, from its own executable
    memory_boottime_ns: int = 0  # start of the ancestor whose memory forks copied


@dataclass(frozen=True, slots=True)
class ProcessExited(Event):
    """A tracked process ended, or became a program that is not watched (`executed`)."""

    key: ProcessKey
    comm: str
    exit_code: int  # 0..255; 0 if a signal ended it
    signal: int  # 0: none
    counters: ProcessCounters
    executed: bool = False


@dataclass(frozen=True, slots=True)
class ProcessRenamed(Event):
    """A tracked process changed its name by prctl or /proc/PID/comm."""

    key: ProcessKey
    comm: str


@dataclass(frozen=True, slots=True)
class ProcessMoved(Event):
    """A tracked process moved to another memory cgroup."""

    key: ProcessKey
    cgroup_id: int


@dataclass(frozen=True, slots=True)
class ProcessRead(Event):
    """A tracked process's counters, exact at this moment."""

    key: ProcessKey
    counters: ProcessCounters


@dataclass(frozen=True, slots=True)
class ProcessDelayed(Event):
    """How long a tracked process has waited for memory so far (`--delays`)."""

    key: ProcessKey
    delays: Delays


@dataclass(frozen=True, slots=True)
class CgroupRead(Event):
    """A memory cgroup's counters, exact at this moment."""

    cgroup_id: int
    counters: CgroupCounters


@dataclass(frozen=True, slots=True)
class GroupReading:
    """One memory cgroup and its tracked processes, read between two intervals; not recorded.

    `held_bytes` is the kernel side's sum of what its tracked processes hold. If there are
    very many, `partial` is set: some of `processes` are as of the last reading.
    """

    time_ns: int
    cgroup_id: int
    counters: CgroupCounters
    held_bytes: int
    processes: Mapping[ProcessKey, ProcessCounters]
    partial: bool = False


@dataclass(frozen=True, slots=True)
class CgroupPressed(Event):
    """Tasks of a memory cgroup v2 lost time waiting for memory just now: a PSI trigger."""

    cgroup_id: int
    pressure: CgroupPressure


@dataclass(frozen=True, slots=True)
class CgroupMade(Event):
    """A memory cgroup was made; its counters start at zero, whatever had its path before."""

    cgroup_id: int
    path: str


@dataclass(frozen=True, slots=True)
class CgroupGone(Event):
    """A memory cgroup was removed; these are its last counters."""

    cgroup_id: int
    path: str
    counters: CgroupCounters


@dataclass(frozen=True, slots=True)
class OomKilled(Event):
    """The kernel's OOM killer chose a victim. Reported for every victim, tracked or not."""

    key: ProcessKey
    comm: str
    cgroup_id: int
    usage: Usage
    tracked: bool
    cgroup: CgroupCounters = CgroupCounters()


RESOLVED = (OomKilled,)
"""Events of processes that may not be tracked: their job is found for each event."""


@dataclass(frozen=True, slots=True)
class Breached(Event):
    """A watermark was crossed, reported at the page that crossed it; not recorded.

    `key` took the last page. If `group` is set, `held_bytes` is the sum of all tracked
    processes of the cgroup, else that of this process alone.
    """

    key: ProcessKey
    cgroup_id: int
    held_bytes: int
    group: bool


class FuseScope(StrEnum):
    """What a fuse's bound is of."""

    PROCESS = "process"  # the process's own anon, shmem and swap
    JOB = "job"  # those of all tracked processes of its memory cgroup together
    CHARGE = "charge"  # all that its memory cgroup is charged for, page cache included


@dataclass(frozen=True, slots=True)
class FuseBlown(Event):
    """The kernel side sent a process a signal as it crossed its bound.

    `held_bytes` is its own; `measured_bytes` crossed `bound_bytes`. `signal` is SIGSTOP or
    SIGKILL. `owner` is the tracked process where this one only shares all its memory. It was
    killed if others `resumed` it too often. If another `filled` it, the probe sends the signal.
    """

    key: ProcessKey
    cgroup_id: int
    scope: FuseScope
    held_bytes: int
    measured_bytes: int
    bound_bytes: int
    signal: int
    owner: ProcessKey | None = None
    resumed: int = 0
    filled: bool = False

    @property
    def tracked(self) -> ProcessKey:
        """The tracked process whose memory it has: itself, unless it shares another's."""
        return self.owner or self.key

    @property
    def killed(self) -> bool:
        """Whether the signal ended the process."""
        return self.signal == SIGKILL


class SharedTable(StrEnum):
    """The kernel side's tables that all jobs share, in the order of bpf/types.h."""

    PROCESSES = "processes"
    CGROUPS = "cgroups"
    LINEAGE = "lineage"  # descendants of tracked processes
    RECLAIM = "reclaim"  # threads that wait in direct reclaim
    STOPPED = "stopped"  # processes that a fuse stopped


@dataclass(frozen=True, slots=True)
class QuotaReached(Event):
    """Something was missed since a table is full, or a job has its quota of it.

    The processes in `cgroup_id` and below have most of the table: `entries` of `size`. Nothing
    was added `missed` times since the last such event.
    """

    cgroup_id: int
    table: SharedTable
    entries: int
    size: int
    missed: int


@dataclass(frozen=True, slots=True)
class LossesRead(Event):
    """What was missed so far, by cause; counted from the start of the watch."""

    counts: Mapping[str, int] = field(default_factory=dict)
