"""What happened in the kernel, as frozen values: `probe` makes them, `ledger` records them.

Sizes are bytes; times are nanoseconds, of CLOCK_MONOTONIC if the name has no other clock. Names
(comm, arguments, paths) were cleaned by `ebpftrace.text.clean`."""

from collections.abc import Mapping
from enum import StrEnum
from signal import SIGKILL
from types import MappingProxyType
from typing import NamedTuple

from ebpftrace.counters import CgroupCounters, CgroupPressure, Delays, ProcessCounters, Usage


class StartCause(StrEnum):
    """How a process came to be tracked."""

    EXEC = "exec"  # it executed a program that is watched
    FORK = "fork"  # a tracked process forked it, and it shares no memory with its parent
    RENAME = "rename"  # it gave itself (prctl) a name that is watched
    FOUND = "found"  # it was running already
    MOVED = "moved"  # it came into a cgroup that is watched
    SHARED = "shared"  # a watched process with which it shares all memory has ended


class ProcessKey(NamedTuple):
    """One process: its pid with its start time, since pids are reused."""

    pid: int
    start_boottime_ns: int


class ProcessStarted(NamedTuple):
    """A process is tracked from here on."""

    time_ns: int
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


class ProcessExited(NamedTuple):
    """A tracked process ended, or became a program that is not watched (`executed`)."""

    time_ns: int
    key: ProcessKey
    comm: str
    exit_code: int  # 0..255; 0 if a signal ended it
    signal: int  # 0: none
    counters: ProcessCounters
    executed: bool = False


class ProcessRenamed(NamedTuple):
    """A tracked process changed its name by prctl or /proc/PID/comm."""

    time_ns: int
    key: ProcessKey
    comm: str


class ProcessMoved(NamedTuple):
    """A tracked process moved to another memory cgroup."""

    time_ns: int
    key: ProcessKey
    cgroup_id: int


class ProcessRead(NamedTuple):
    """A tracked process's counters, exact at this moment."""

    time_ns: int
    key: ProcessKey
    counters: ProcessCounters


class ProcessDelayed(NamedTuple):
    """How long a tracked process has waited for memory so far (`--delays`)."""

    time_ns: int
    key: ProcessKey
    delays: Delays


class CgroupRead(NamedTuple):
    """A memory cgroup's counters, exact at this moment."""

    time_ns: int
    cgroup_id: int
    counters: CgroupCounters


class GroupReading(NamedTuple):
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


class CgroupPressed(NamedTuple):
    """Tasks of a memory cgroup v2 lost time waiting for memory just now: a PSI trigger."""

    time_ns: int
    cgroup_id: int
    pressure: CgroupPressure


class CgroupMade(NamedTuple):
    """A memory cgroup was made; its counters start at zero, whatever had its path before.
    Here and below, `path` is "" where it is longer than a record has room for."""

    time_ns: int
    cgroup_id: int
    path: str


class CgroupGone(NamedTuple):
    """A memory cgroup was removed; these are its last counters."""

    time_ns: int
    cgroup_id: int
    path: str
    counters: CgroupCounters


class OomKilled(NamedTuple):
    """The kernel's OOM killer chose a victim. Reported for every victim, tracked or not."""

    time_ns: int
    key: ProcessKey
    comm: str
    cgroup_id: int
    usage: Usage
    tracked: bool
    cgroup: CgroupCounters = CgroupCounters()


RESOLVED = (OomKilled,)
"""Events of processes that may not be tracked: their job is found for each event."""


class Breached(NamedTuple):
    """A watermark was crossed, reported at the page that crossed it; not recorded.

    `key` took the last page. If `group` is set, `held_bytes` is the sum of all tracked
    processes of the cgroup, else that of this process alone.
    """

    time_ns: int
    key: ProcessKey
    cgroup_id: int
    held_bytes: int
    group: bool


class FuseScope(StrEnum):
    """What a fuse's bound is of."""

    PROCESS = "process"  # the process's own anon, shmem and swap
    JOB = "job"  # those of all tracked processes of its memory cgroup together
    CHARGE = "charge"  # all that its memory cgroup is charged for, page cache included


class FuseBlown(NamedTuple):
    """The kernel side sent a process a signal as it crossed its bound.

    `held_bytes` is its own; `measured_bytes` crossed `bound_bytes`. `signal` is SIGSTOP or
    SIGKILL. `owner` is the tracked process where this one only shares all its memory. It was
    killed if others `resumed` it too often. If another `filled` it, the probe sends the signal.
    """

    time_ns: int
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


class QuotaReached(NamedTuple):
    """Something was missed since a table is full, or a job has its quota of it.

    The processes in `cgroup_id` and below have most of the table: `entries` of `size`. Nothing
    was added `missed` times since the last such event.
    """

    time_ns: int
    cgroup_id: int
    table: SharedTable
    entries: int
    size: int
    missed: int


class LossesRead(NamedTuple):
    """What was missed so far, by cause; counted from the start of the watch."""

    time_ns: int
    counts: Mapping[str, int] = MappingProxyType({})


Event = (
    ProcessStarted | ProcessExited | ProcessRenamed | ProcessMoved | ProcessRead
    | ProcessDelayed | CgroupRead | CgroupPressed | CgroupMade | CgroupGone | OomKilled
    | Breached | FuseBlown | QuotaReached | LossesRead
)  # fmt: skip
"""All events. `time_ns` is when it happened, or when it was read."""
