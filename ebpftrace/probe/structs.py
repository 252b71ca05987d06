"""The structs that the kernel side keeps in its maps, decoded: bpf/types.h in Python.

Their sizes go to the compiler, which compares them with C's, so the two cannot disagree.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from ebpftrace.counters import (
    CallCount,
    CgroupCounters,
    CgroupEvents,
    LimitLevel,
    ProcessCounters,
    Usage,
)
from ebpftrace.events import FuseBlown, FuseScope, ProcessKey, StartCause
from ebpftrace.limits import with_limits
from ebpftrace.shared_values import SharedBytes, SharedIds
from ebpftrace.text import clean
from ebpftrace.units import PAGE_SIZE

LOSSES = (
    "ring_start", "ring_exit", "ring_other", "processes_full", "lineage_full", "cgroups_full",
    "reclaim_full", "calls_full", "stopped_full", "fuse_unsent",
)  # fmt: skip
"""enum loss, in its order: names of what was missed."""

FUSE_DEFAULT = struct.Struct("=qIIII")  # struct fuse_default: pages, parts, of, signal, resumed
SHARER = struct.Struct("=QI4x")  # struct sharer: start, tgid
SIGNALLED = struct.Struct("=3Q2qI4x")  # struct signalled: number, mm, start, held, shared, tgid
QUOTA = struct.Struct("=Q6qqQqQqQq")  # struct quota: parent, entries, used, shares
PARTS_OF_LIMIT = 10_000

_CALLS = ("other", "mmap", "munmap", "brk", "mremap")
_STARTS = dict(enumerate(StartCause, 1))  # enum start has the same order
_LEFT = 7  # START_LEFT
_DUE = 1  # as `moved_to`
_FUSES = {1: FuseScope.PROCESS, 2: FuseScope.JOB, 3: FuseScope.CHARGE}
_NO_LIMIT = _NOT_COUNTED = (1 << 64) - 1
_NOTHING = Usage()

LEVELS = 4  # as in types.h
_LEVEL_WORDS = 7
_PATH_WORDS = 8 + 1  # of struct quota_path: QUOTA_LEVELS ids, missing
_WORDS = 16 + LEVELS * _LEVEL_WORDS + _PATH_WORDS + 3
"""Of struct cgroup_counters, without those of watermarks."""

_HELD = struct.Struct(f"={8 * _WORDS}xq")

PROCESS_PATH = struct.calcsize("=4Q4I16s9q14Q")
CGROUP_PATH = 8 * (_WORDS - 3 - _PATH_WORDS)
PATH = struct.Struct("=8Q")
"""Where a struct quota_path is in struct process and cgroup_counters, and its ids."""

_HOW = struct.Struct("=44xI")
_LEFT_MM = struct.Struct("=Q36xI")
_STOP = struct.Struct("=3Q3qQ6I")


class TrackedEntry(NamedTuple):
    """The map's entry of one process: its identity and its counters."""

    mm: int
    key: ProcessKey
    parent_pid: int
    how: StartCause
    comm: str
    cgroup_id: int
    counters: ProcessCounters
    drift_bytes: int
    counted_pages: int  # its part of its cgroup's sum of held pages
    same_program: bool  # a watched process started it, from its own executable
    charge_due: bool = False  # it is to be read once more: its memory cgroup is another


class StructDecoder:
    """Decodes map values. The arguments are what the C was compiled with.

    `cpus` are those whose parts of the kernel's counters are kept with each process; 0 where
    the kernel has no such parts.
    """

    def __init__(self, *, calls: bool, cpus: int = 0, watermarks: bool = False) -> None:
        self._calls = calls
        self._watermarks = watermarks
        self._cgroup = struct.Struct(f"={_WORDS}Q2qQqQ4qQ" if watermarks else f"={_WORDS}Q")
        self._base_words = _PATH_WORDS + 5 + (17 if watermarks else 0)
        words = self._base_words + (16 if calls else 0)
        self._process = struct.Struct(f"=4Q4I16s9q14Q{words}Q")
        self._bytes, self._ids = SharedBytes(), SharedIds()
        self._tracked_size = self._process.size + (8 * (4 + cpus) if cpus else 0)

    def sizes(self) -> dict[str, int]:
        """Bytes of each struct, by C name."""
        return {
            "process": self._process.size,
            "tracked": self._tracked_size,
            "cgroup_counters": self._cgroup.size,
            "quota": QUOTA.size,
            "stop": _STOP.size,
            "sharer": SHARER.size,
            "signalled": SIGNALLED.size,
            "fuse_default": FUSE_DEFAULT.size,
        }

    def entry(self, data: bytes) -> TrackedEntry | None:
        """A `struct process` of the map; None if its start is to come, or it was left."""
        (how,) = _HOW.unpack_from(data)
        return self.process(data) if how and how != _LEFT else None

    def process(self, data: bytes, offset: int = 0) -> TrackedEntry:
        """A complete `struct process`."""
        (mm, start, _memcg, memcg_id, tgid, parent, forked, how, comm, *rest) = (
            self._process.unpack_from(data, offset)
        )
        pages, inherited, peak = rest[0:4], rest[4:8], rest[8]
        (drift, total_vm, stack_vm, start_brk, brk, mapped, unmapped, changes, moves,
         stalled, stalls, _changes_since, _changes, same_program) = rest[9:23]  # fmt: skip
        calls = dict(_call_counts(rest[23 + self._base_words :])) if self._calls else None
        sizes, ids = self._bytes, self._ids
        return TrackedEntry(
            mm=mm,
            key=ProcessKey(tgid, start),
            parent_pid=ids[parent],
            how=_STARTS[how],
            comm=decode_comm(comm),
            cgroup_id=ids[memcg_id],
            drift_bytes=drift * PAGE_SIZE,
            counted_pages=rest[29 + _PATH_WORDS] if self._watermarks else 0,
            same_program=bool(same_program),
            charge_due=rest[23 + _PATH_WORDS] == _DUE,
            counters=ProcessCounters(
                usage=decode_usage(pages, sizes),
                inherited=decode_usage(inherited, sizes) if forked else _NOTHING,
                peak_bytes=sizes[peak],
                virtual_bytes=sizes[total_vm],
                mapped_bytes=sizes[mapped],
                unmapped_bytes=sizes[unmapped],
                mapping_changes=changes,
                brk_bytes=ids[brk - start_brk],
                brk_moves=moves,
                stack_bytes=sizes[stack_vm],
                stalled_ns=stalled,
                stalls=stalls,
                calls=calls,
            ),
        )

    def cgroup(self, data: bytes, offset: int = 0) -> CgroupCounters:
        """A `struct cgroup_counters`."""
        (_memcg, charge, peak, _limit, kernel, droppable, stuck, hits, kills, lows, highs, ooms,
         group_kills, stalled, stalls, found, *rest) = (
            self._cgroup.unpack_from(data, offset)
        )  # fmt: skip
        levels = tuple(_levels(rest[: min(found, LEVELS) * _LEVEL_WORDS]))
        events = None
        if lows != _NOT_COUNTED:
            events = CgroupEvents(
                low=lows,
                high=highs,
                max=hits,
                oom=ooms,
                oom_kill=kills,
                oom_group_kill=None if group_kills == _NOT_COUNTED else group_kills,
            )
        counters = CgroupCounters(
            charge_bytes=charge * PAGE_SIZE,
            peak_charge_bytes=peak * PAGE_SIZE,
            kernel_bytes=None if kernel == _NOT_COUNTED else kernel * PAGE_SIZE,
            droppable_bytes=None if droppable == _NOT_COUNTED else droppable * PAGE_SIZE,
            stuck=bool(stuck),
            limit_hits=hits,
            oom_kills=kills,
            stalled_ns=stalled,
            stalls=stalls,
            events=events,
            levels=levels,
        )
        return with_limits(counters)

    def held_pages(self, data: bytes) -> int:
        """The sum of held pages in a `struct cgroup_counters`; 0 without watermarks."""
        return int(_HELD.unpack_from(data)[0]) if self._watermarks else 0

    def is_unused(self, data: bytes) -> bool:
        """Whether a `struct cgroup_counters` has no process and no bound of user space's."""
        words = self._cgroup.unpack_from(data)
        processes = words[_WORDS - 3]
        return not 0 < processes < 1 << 63 and not (self._watermarks and words[-1])


def left_mm(data: bytes) -> int | None:
    """The mm of a `struct process` whose process has ended, where others share its memory."""
    mm, how = _LEFT_MM.unpack_from(data)
    return mm if how == _LEFT else None


def fuse_blown(data: bytes, offset: int = 0) -> FuseBlown:
    """A `struct stop`."""
    (start, memcg_id, time_ns, held, measured, bound, owner_start, tgid, of, signal, owner,
     resumed, filled) = _STOP.unpack_from(data, offset)  # fmt: skip
    key = ProcessKey(tgid, start)
    return FuseBlown(
        time_ns, key, memcg_id, _FUSES[of], held * PAGE_SIZE, measured * PAGE_SIZE,
        bound * PAGE_SIZE, signal, None if owner == tgid else ProcessKey(owner, owner_start),
        resumed, bool(filled),
    )  # fmt: skip


def decode_usage(pages: Sequence[int], sizes: Mapping[int, int]) -> Usage:
    """The MEMBERS of rss_stat, in pages; `sizes` are the bytes of so many pages."""
    file, anon, swap, shmem = pages
    return Usage(sizes[anon], sizes[file], sizes[shmem], sizes[swap])


@lru_cache(maxsize=1024)
def decode_comm(raw: bytes) -> str:
    """A `char comm[COMM_LEN]`, cleaned."""
    return clean(until_nul(raw), 64)


def until_nul(data: bytes) -> bytes:
    return data.split(b"\0", 1)[0]


def _levels(words: Sequence[int]) -> Iterator[LimitLevel]:
    """The levels with a limit or a memory.high, from the cgroup upwards."""
    for at in range(0, len(words), _LEVEL_WORDS):
        cgroup_id, above, charge, limit, high, kernel, droppable = words[at : at + _LEVEL_WORDS]
        yield LimitLevel(
            cgroup_id=cgroup_id,
            above=above,
            charge_bytes=charge * PAGE_SIZE,
            limit_bytes=None if limit == _NO_LIMIT else limit * PAGE_SIZE,
            high_bytes=None if high == _NO_LIMIT else high * PAGE_SIZE,
            kernel_bytes=None if kernel == _NOT_COUNTED else kernel * PAGE_SIZE,
            droppable_bytes=None if droppable == _NOT_COUNTED else droppable * PAGE_SIZE,
        )


def _call_counts(words: list[int]) -> Iterator[tuple[str, CallCount]]:
    for index, kind in enumerate(_CALLS):
        yield kind, CallCount(*words[3 * index : 3 * index + 3])
