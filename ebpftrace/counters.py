"""Counters of a process and of a memory cgroup, by the kernel or by our programs in it.

All sizes are bytes; times are nanoseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Usage:
    """Physical memory by kind, from the kernel's counters of the mm. Bytes."""

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
        """What the kernel cannot simply drop: anon, shmem and swap. Growth is judged by it."""
        others = self.shmem_bytes + self.swap_bytes
        return self.anon_bytes + others if others else self.anon_bytes  # the same object

    @property
    def is_positive(self) -> bool:
        """Whether no kind is below zero, as a sum of one CPU's counters may be."""
        return min(self.anon_bytes, self.file_bytes, self.shmem_bytes, self.swap_bytes) >= 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.anon_bytes + other.anon_bytes,
            self.file_bytes + other.file_bytes,
            self.shmem_bytes + other.shmem_bytes,
            self.swap_bytes + other.swap_bytes,
        )

    def less(self, other: "Usage") -> "Usage":
        """This usage without `other`, no kind below zero."""
        if other == _NO_USAGE and self.is_positive:
            return self  # as most are: there may be tens of thousands
        return Usage(
            max(0, self.anon_bytes - other.anon_bytes),
            max(0, self.file_bytes - other.file_bytes),
            max(0, self.shmem_bytes - other.shmem_bytes),
            max(0, self.swap_bytes - other.swap_bytes),
        )


_NO_USAGE = Usage()


class CallCount(NamedTuple):
    """Calls of one kind (mmap, munmap, brk, mremap, other) and the bytes they moved."""

    calls: int = 0
    gained_bytes: int = 0
    released_bytes: int = 0


class ProcessCounters(NamedTuple):
    """All that the kernel side counts of one process.

    `inherited` is the part of a forked child's usage that it shares with its parent: it is
    charged to the parent until the child executes a program. `mapped_bytes` and
    `unmapped_bytes` sum the gains and losses of address space by system calls; brk and the
    stack are counted separately. `calls` is None without `--mapping-calls`.
    """

    usage: Usage = Usage()
    inherited: Usage = Usage()
    peak_bytes: int = 0  # highest resident_bytes so far
    virtual_bytes: int = 0
    mapped_bytes: int = 0
    unmapped_bytes: int = 0
    mapping_changes: int = 0  # events that moved virtual_bytes
    brk_bytes: int = 0  # the heap's current size, brk - start_brk
    brk_moves: int = 0
    stack_bytes: int = 0
    stalled_ns: int = 0
    stalls: int = 0
    calls: Mapping[str, CallCount] | None = None


class Delays(NamedTuple):
    """Time a process lost waiting for memory since it started, by the kernel's delay
    accounting. Nanoseconds, summed over all threads it ever had.
    """

    swapin_ns: int
    reclaim_ns: int
    thrashing_ns: int  # reading back what was evicted shortly before


class CgroupContents(NamedTuple):
    """What a cgroup's charge consists of, all its processes together. Bytes.

    `cache_bytes` is page cache that the kernel can drop; tmpfs is in `shmem_bytes`.
    `kernel_bytes` is kernel memory: slab, page tables, stacks, pipe and socket buffers; only v2
    shows it. Of it the kernel can drop `reclaimable_bytes`: slab of which it says so, less as
    much as it says it cannot drop, since a file of a tmpfs or a socket has parts of both.
    `lazy_bytes` is the part of `anon_bytes` that was freed lazily (MADV_FREE): the kernel takes
    it as it needs it.
    `refaults` counts pages that were dropped and soon needed again, `major_faults` how often a
    process waited for a page of a mapped file or of swap to be read.
    """

    anon_bytes: int = 0
    shmem_bytes: int = 0
    cache_bytes: int = 0
    refaults: int = 0
    major_faults: int = 0
    kernel_bytes: int | None = None  # None: cgroup v1, see CgroupCounters
    reclaimable_bytes: int = 0
    lazy_bytes: int = 0
    lazy_by_process: tuple[tuple[int, int], ...] = ()  # pid and bytes, as far as they were read

    def most_lazy_bytes(self, pid: int) -> int:
        """How much of what a process holds may have been freed lazily."""
        known = dict(self.lazy_by_process)
        return known.get(pid, 0) + max(0, self.lazy_bytes - sum(known.values()))

    def with_droppable(self, droppable_bytes: int | None) -> "CgroupContents":
        """With what the kernel side read of v1, where memory.stat does not have it."""
        if droppable_bytes is None or self.kernel_bytes is not None:
            return self
        return self._replace(reclaimable_bytes=droppable_bytes)


class CgroupEvents(NamedTuple):
    """memory.events of cgroup v2: how often each happened to a cgroup, or to one below it.

    Source: Documentation/admin-guide/cgroup-v2.rst.
    """

    low: int = 0  # reclaimed although it was below memory.low
    high: int = 0  # throttled and reclaimed above memory.high
    max: int = 0  # about to exceed memory.max
    oom: int = 0  # at memory.max, and nothing could be reclaimed
    oom_kill: int = 0
    oom_group_kill: int | None = None  # None: before 5.17 the kernel does not count it


class CgroupPressure(NamedTuple):
    """memory.pressure of cgroup v2 (PSI): time that it and the cgroups below lost for memory.

    Reclaim, throttling by memory.high, swapping in and reading back what was dropped all
    count. Totals are nanoseconds since the cgroup was made; shares are of the last 10 s, 0..1.
    Source: Documentation/accounting/psi.rst.
    """

    time_ns: int  # CLOCK_MONOTONIC: when it was read
    some_ns: int  # at least one of its tasks waited
    full_ns: int  # all that could run waited at the same time
    some_share: float
    full_share: float


class LimitLevel(NamedTuple):
    """A cgroup on the path to the root that has a limit or a memory.high, with its charge.

    `above`: 0 is the cgroup itself, 1 its parent. `path` and `contents` are those of a level
    above that is shared with other cgroups, where it may be the nearest.
    """

    cgroup_id: int
    above: int
    charge_bytes: int
    limit_bytes: int | None = None
    high_bytes: int | None = None
    kernel_bytes: int | None = None  # this and the next as in CgroupCounters
    droppable_bytes: int | None = None
    path: str = ""
    contents: CgroupContents | None = None

    @property
    def headroom_bytes(self) -> int | None:
        """Until its limit; page cache takes of it."""
        if self.limit_bytes is None:
            return None
        return max(0, self.limit_bytes - self.charge_bytes)


class CgroupCounters(NamedTuple):
    """A memory cgroup's own counters, read from its `mem_cgroup`; the same on v1 and v2.

    `limit_bytes` is the limit on the path to the root that is the cgroup's own, as
    ebpftrace/limits.py chooses it (None: none is set), and `headroom_bytes` how far the
    charge of that same level is from it. `high_bytes` is the nearest memory.high, above which
    v2 throttles, and `high_charge_bytes` the charge of that level, where others share it.
    `kernel_bytes` is the kernel memory
    in the charge, which has a page counter of its own on v1. `stuck`: a task waits at the
    limit, and the OOM killer is disabled, as it can be on v1.
    """

    charge_bytes: int = 0
    peak_charge_bytes: int = 0
    limit_bytes: int | None = None
    headroom_bytes: int | None = None
    high_bytes: int | None = None
    high_charge_bytes: int | None = None
    kernel_bytes: int | None = None  # None: cgroup v2, see CgroupContents
    droppable_bytes: int | None = None  # of it: `reclaimable_bytes` of the contents on v1
    stuck: bool = False
    limit_hits: int = 0  # failcnt on v1, the `max` event on v2
    oom_kills: int = 0
    stalled_ns: int = 0
    stalls: int = 0
    contents: CgroupContents | None = None  # None: not read
    events: CgroupEvents | None = None  # None: cgroup v1
    pressure: CgroupPressure | None = None  # None: cgroup v1, or a kernel without PSI
    levels: tuple[LimitLevel, ...] = ()  # the lowest first; empty: not read
