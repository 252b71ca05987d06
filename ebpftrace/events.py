"""What the kernel said, as frozen values: the words `probe` speaks and `ledger` books.

All sizes are bytes; all times are CLOCK_MONOTONIC nanoseconds, except a process's start,
which is CLOCK_BOOTTIME nanoseconds as the kernel keeps it. Names (comm, arguments, paths)
were cleaned by `ebpftrace.text.clean`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from signal import SIGKILL


class Start(StrEnum):
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
class Usage:
    """Physical memory by kind, as the kernel's counters of the mm have it. Bytes."""

    anon_bytes: int = 0
    file_bytes: int = 0
    shmem_bytes: int = 0
    swap_bytes: int = 0

    @property
    def resident_bytes(self) -> int:
        """What ps calls RSS."""
        return self.anon_bytes + self.file_bytes + self.shmem_bytes

    @property
    def held_bytes(self) -> int:
        """What the kernel cannot simply drop: anon, shmem and swap. Growth is judged on it."""
        return self.anon_bytes + self.shmem_bytes + self.swap_bytes

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.anon_bytes + other.anon_bytes,
            self.file_bytes + other.file_bytes,
            self.shmem_bytes + other.shmem_bytes,
            self.swap_bytes + other.swap_bytes,
        )

    def less(self, other: "Usage") -> "Usage":
        """This usage without `other`, no kind below zero."""
        return Usage(
            max(0, self.anon_bytes - other.anon_bytes),
            max(0, self.file_bytes - other.file_bytes),
            max(0, self.shmem_bytes - other.shmem_bytes),
            max(0, self.swap_bytes - other.swap_bytes),
        )


@dataclass(frozen=True, slots=True)
class CallCount:
    """Calls of one kind (mmap, munmap, brk, mremap, other) and the bytes they moved."""

    calls: int = 0
    gained_bytes: int = 0
    released_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ProcessCounters:
    """All that the kernel side keeps of one process.

    `inherited` is what a forked child has shown since its birth because its parent had
    it: it belongs to the parent's charge until the child executes something.
    `mapped_bytes` and `unmapped_bytes` sum the gains and losses of address space, one
    entry a system call; brk and the stack are apart. `calls` is None unless the kinds of
    call are told apart (`--mapping-calls`).
    """

    usage: Usage = Usage()
    inherited: Usage = Usage()
    peak_bytes: int = 0  # highest resident_bytes ever seen
    virtual_bytes: int = 0
    mapped_bytes: int = 0
    unmapped_bytes: int = 0
    mapping_changes: int = 0  # events that moved virtual_bytes
    brk_bytes: int = 0  # the heap's present size, brk - start_brk
    brk_moves: int = 0
    stack_bytes: int = 0
    stalled_ns: int = 0
    stalls: int = 0
    calls: Mapping[str, CallCount] | None = None


@dataclass(frozen=True, slots=True)
class Delays:
    """Time a process lost waiting for memory since it started, by the kernel's delay
    accounting. Nanoseconds, summed over all threads it ever had.
    """

    swapin_ns: int
    reclaim_ns: int
    thrashing_ns: int  # reading back what was evicted a moment ago


@dataclass(frozen=True, slots=True)
class CgroupContents:
    """What a cgroup's charge consists of, all its processes together. Bytes.

    `cache_bytes` is page cache that the kernel can drop: tmpfs is in `shmem_bytes`.
    What is left of the charge is kernel memory. `refaults` counts pages that were
    dropped and soon needed again, `major_faults` how often a process waited for a page of
    a mapped file, or one swapped out, to be read.
    """

    anon_bytes: int = 0
    shmem_bytes: int = 0
    cache_bytes: int = 0
    refaults: int = 0
    major_faults: int = 0


@dataclass(frozen=True, slots=True)
class CgroupEvents:
    """memory.events of cgroup v2: how often each happened to a cgroup, or to one below it.

    Source: Documentation/admin-guide/cgroup-v2.rst.
    """

    low: int = 0  # reclaimed although it was below memory.low
    high: int = 0  # throttled and reclaimed above memory.high
    max: int = 0  # about to go over memory.max
    oom: int = 0  # at memory.max, and nothing could be reclaimed
    oom_kill: int = 0
    oom_group_kill: int | None = None  # None: the kernel does not count it, before 5.17


@dataclass(frozen=True, slots=True)
class CgroupPressure:
    """memory.pressure of cgroup v2 (PSI): time lost for want of memory, its branch together.

    Reclaim, throttling by memory.high, swapping in and reading back what was dropped all
    count. Totals are nanoseconds since the cgroup was made; shares are of the last 10 s, 0..1.
    Source: Documentation/accounting/psi.rst.
    """

    time_ns: int  # CLOCK_MONOTONIC: when it was read
    some_ns: int  # at least one of its tasks waited
    full_ns: int  # all that could have run waited at once
    some_share: float
    full_share: float


@dataclass(frozen=True, slots=True)
class CgroupCounters:
    """A memory cgroup's own counters, read from its `mem_cgroup`; the same on v1 and v2.

    `limit_bytes` is the tightest limit on the path to the root (None: none is set), and
    `headroom_bytes` the smallest distance to any of those limits. `high_bytes` is the
    tightest memory.high there, above which v2 throttles.
    """

    charge_bytes: int = 0
    peak_charge_bytes: int = 0
    limit_bytes: int | None = None
    headroom_bytes: int | None = None
    high_bytes: int | None = None
    limit_hits: int = 0  # failcnt on v1, the `max` event on v2
    oom_kills: int = 0
    stalled_ns: int = 0
    stalls: int = 0
    contents: CgroupContents | None = None  # None: not read
    events: CgroupEvents | None = None  # None: cgroup v1
    pressure: CgroupPressure | None = None  # None: cgroup v1, or a kernel without PSI


@dataclass(frozen=True, slots=True)
class ProcessStarted:
    """A process is tracked from here on."""

    time_ns: int
    key: ProcessKey
    parent_pid: int
    how: Start
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


@dataclass(frozen=True, slots=True)
class JobIdentity:
    """Which job a process belongs to, and how that is known.

    `key` tells jobs apart (the memory cgroup, and the CI run where one cgroup serves
    several in turn); `name` is short enough for a column. `lasting` tells them apart too,
    by what stays when the cgroup is made anew under its path; "": nothing but `key` does.
    """

    key: str
    name: str
    kind: str  # github, gitlab, …, kubernetes, docker, podman, systemd, cgroup, host
    identified_by: str  # "GITHUB_RUN_ID of pid 4711", "container id in the cgroup path", …
    cgroup: str  # path within the memory hierarchy, "/" at its root
    cgroup_id: int
    lasting: str = ""

    @property
    def account(self) -> str:
        """What its budget and its cool-down are kept by."""
        return self.lasting or self.key
