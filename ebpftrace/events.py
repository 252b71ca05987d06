"""What the kernel said, as frozen values: the words `probe` speaks and `ledger` books.

All sizes are bytes; all times are CLOCK_MONOTONIC nanoseconds, except a process's start,
which is CLOCK_BOOTTIME nanoseconds as the kernel keeps it. Names (comm, arguments, paths)
were cleaned by `ebpftrace.text.clean`.
"""

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


@dataclass(frozen=True, slots=True, order=True)
class ProcessKey:
    """One process: its pid with its start time, since pids are reused."""

    pid: int
    start_boottime_ns: int


@dataclass(frozen=True, slots=True)
class ProcessStarted:
    """A process is tracked from here on."""

    time_ns: int
    key: ProcessKey
    parent_pid: int
    how: StartCause
    comm: str
    cgroup_id: int
    program: str = ""  # path given to exec, or what /proc/PID/exe says
    args: tuple[str, ...] = ()
    counters: ProcessCounters = ProcessCounters()
    role: str = ""  # "telemetry": the crash monitor a Go tool starts of itself


@dataclass(frozen=True, slots=True)
class ProcessExited:
    """A tracked process ended, or became a program that is not watched (`executed`)."""

    time_ns: int
    key: ProcessKey
    comm: str
    exit_code: int  # 0..255; 0 where a signal ended it
    signal: int  # 0: none
    counters: ProcessCounters
    executed: bool = False


@dataclass(frozen=True, slots=True)
class ProcessRenamed:
    """A tracked process changed its name by prctl or /proc/PID/comm."""

    time_ns: int
    key: ProcessKey
    comm: str


@dataclass(frozen=True, slots=True)
class ProcessMoved:
    """A tracked process moved to another memory cgroup."""

    time_ns: int
    key: ProcessKey
    cgroup_id: int


@dataclass(frozen=True, slots=True)
class ProcessRead:
    """A tracked process's counters, exact at this moment."""

    time_ns: int
    key: ProcessKey
    counters: ProcessCounters


@dataclass(frozen=True, slots=True)
class ProcessDelayed:
    """What a tracked process waited for memory, up to this moment (`--delays`)."""

    time_ns: int
    key: ProcessKey
    delays: Delays


@dataclass(frozen=True, slots=True)
class CgroupRead:
    """A memory cgroup's counters, exact at this moment."""

    time_ns: int
    cgroup_id: int
    counters: CgroupCounters


@dataclass(frozen=True, slots=True)
class GroupReading:
    """One memory cgroup and who is tracked in it, read out of turn. It is not booked.

    `held_bytes` is the kernel side's sum of what its tracked processes hold. Where there are
    very many, `partial` is set: of some, `processes` has what the last reading had.
    """

    time_ns: int
    cgroup_id: int
    counters: CgroupCounters
    held_bytes: int
    processes: Mapping[ProcessKey, ProcessCounters]
    partial: bool = False


@dataclass(frozen=True, slots=True)
class CgroupPressed:
    """Tasks of a memory cgroup v2 lost time for want of memory just now: a PSI trigger."""

    time_ns: int
    cgroup_id: int
    pressure: CgroupPressure


@dataclass(frozen=True, slots=True)
class CgroupMade:
    """A memory cgroup was made: its id has a path now, and its counters no past."""

    time_ns: int
    cgroup_id: int
    path: str


@dataclass(frozen=True, slots=True)
class CgroupGone:
    """A memory cgroup was removed; these are its last counters, read as it went."""

    time_ns: int
    cgroup_id: int
    path: str
    counters: CgroupCounters


@dataclass(frozen=True, slots=True)
class OomKilled:
    """The kernel's OOM killer chose a victim. Told of every victim, tracked or not."""

    time_ns: int
    key: ProcessKey
    comm: str
    cgroup_id: int
    usage: Usage
    tracked: bool
    cgroup: CgroupCounters = CgroupCounters()


@dataclass(frozen=True, slots=True)
class Breached:
    """A watermark was passed, told at the page that did it. Not booked: it is a wake-up.

    `key` took the last page. Where `group` is set, `held_bytes` and `mark_bytes` are of all
    tracked processes of the cgroup together, else of this process alone.
    """

    time_ns: int
    key: ProcessKey
    cgroup_id: int
    held_bytes: int
    mark_bytes: int
    group: bool


class FuseOf(StrEnum):
    """What a fuse's bound is of."""

    PROCESS = "process"  # the process's own anon, shmem and swap
    JOB = "job"  # those of all tracked processes of its memory cgroup together
    CHARGE = "charge"  # all that its memory cgroup is charged for, page cache included


@dataclass(frozen=True, slots=True)
class FuseBlown:
    """The kernel side sent a process a signal as it crossed its bound. Bytes.

    `held_bytes` is the process's own; `measured_bytes` of what crossed `bound_bytes`.
    `signal` is SIGSTOP (it stands until it is let go) or SIGKILL. Told once for each stop.
    """

    time_ns: int
    key: ProcessKey
    cgroup_id: int
    of: FuseOf
    held_bytes: int
    measured_bytes: int
    bound_bytes: int
    charge_bytes: int
    signal: int

    @property
    def killed(self) -> bool:
        """Whether that was the end of it."""
        return self.signal == SIGKILL


@dataclass(frozen=True, slots=True)
class LossesRead:
    """What was missed so far, by cause; counted from the start of the watch."""

    time_ns: int
    counts: Mapping[str, int] = field(default_factory=dict)


Event = (
    ProcessStarted
    | ProcessExited
    | ProcessRenamed
    | ProcessMoved
    | ProcessRead
    | ProcessDelayed
    | CgroupRead
    | CgroupPressed
    | CgroupMade
    | CgroupGone
    | OomKilled
    | Breached
    | FuseBlown
    | LossesRead
)
