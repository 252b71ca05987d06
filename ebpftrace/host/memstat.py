"""What a memory cgroup's charge consists of: its memory.stat, v1 and v2.

Source: Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst.

Lazily freed memory (MADV_FREE): still charged, and the kernel takes it as it needs it.

memory.stat counts such pages as anon, but on the lists of file pages, since mark_page_lazyfree
in the kernel's mm/swap.c moves them there. A page that is written again stays on that list
until reclaim comes to it, so memory.stat shows at most how much is free. smaps_rollup knows
what was written since; reading it takes some milliseconds for each 100 MiB of a process.
"""

import os
import re
import time
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ebpftrace.counters import CgroupContents
from ebpftrace.descriptors import is_exhausted
from ebpftrace.host.bounded import bounded
from ebpftrace.host.reading.proc_file import Read, listed_pids, read_start
from ebpftrace.units import KIB, MIB, NS_PER_SECOND

LEAST_BYTES = 16 * MIB
"""Less is not looked at: it counts as held."""

_STAT_LIMIT = 64 * KIB  # of memory.stat, which has some 60 lines
_ROLLUP_LIMIT = 16 * KIB  # it has some 25 lines
_LAZY = re.compile(rb"^LazyFree:[ \t]*([0-9]{1,15}) kB$", re.MULTILINE)
_MOST_PROCESSES = 64
_LONGEST_NS = NS_PER_SECOND // 10  # so long the processes of a cgroup are read
_REST, _REST_NEAR = 100, 20  # times what the reading took, until the next
_MOST_CGROUPS = 1024
_PROC = Path("/proc")

_KERNEL = b"slab", b"kernel_stack", b"pagetables", b"percpu", b"vmalloc"
"""The parts of `kernel`, a line of v2 since 5.18 (a8c49af3be5f "memcg: add per-memcg total
kernel memory stat"); before, pipe buffers were in no line."""

_FILE_LISTS = b"inactive_file", b"active_file"
_REFAULTS = (b"workingset_refault_anon", b"workingset_refault_file")

_V1 = (b"rss", b"cache", b"shmem", b"pgmajfault", *_FILE_LISTS, *_REFAULTS)
_V2 = (b"anon", b"file", b"shmem", b"pgmajfault", *_FILE_LISTS, *_REFAULTS,
       b"kernel", b"sock", b"slab_reclaimable", b"slab_unreclaimable", *_KERNEL)  # fmt: skip
_READ = re.compile(  # a number of the kernel's has 20 digits at most
    rb"^(total_(?:%b)|%b) ([0-9]{1,20})$" % (b"|".join(_V1), b"|".join(_V2)), re.MULTILINE
)


def stat_file(folder: Path) -> str:
    """The memory.stat of a cgroup."""
    return f"{folder}/memory.stat"


def read_contents(folder: Path, read: Read = read_start) -> CgroupContents | None:
    """The contents of the cgroup and those below, or None if there is no such file.

    On v1 the `total_` lines count the cgroups below as well, as v2's lines always do.
    `cache_bytes` excludes shmem: the kernel counts it as cache, but cannot drop it.
    `lazy_bytes` is the most that may have been freed lazily.
    """
    try:
        raw = read(stat_file(folder), _STAT_LIMIT)
    except OSError as error:
        is_exhausted(error)
        return None
    values = {name: int(value) for name, value in _READ.findall(raw)}
    v1 = b"total_rss" in values
    total = b"total_" if v1 else b""
    shmem = values.get(total + b"shmem", 0)
    cache = values.get(b"total_cache" if v1 else b"file", 0)
    anon = values.get(b"total_rss" if v1 else b"anon", 0)
    # Anon pages on the lists of file pages were freed lazily.
    listed = sum(values.get(total + name, 0) for name in _FILE_LISTS)
    return CgroupContents(
        anon_bytes=anon,
        shmem_bytes=shmem,
        cache_bytes=max(0, cache - shmem),
        refaults=sum(values.get(total + name, 0) for name in _REFAULTS),
        major_faults=values.get(total + b"pgmajfault", 0),
        kernel_bytes=None if v1 else _kernel_bytes(values),
        reclaimable_bytes=0 if v1 else _droppable_slab(values),
        lazy_bytes=max(0, min(anon, listed - max(0, cache - shmem))),
    )


def _kernel_bytes(values: Mapping[bytes, int]) -> int:
    """Of cgroup v2; socket buffers (`sock`) are counted beside the rest."""
    kernel = values.get(b"kernel")
    if kernel is None:
        kernel = sum(values.get(name, 0) for name in _KERNEL)
    return kernel + values.get(b"sock", 0)


def _droppable_slab(values: Mapping[bytes, int]) -> int:
    """Of cgroup v2. The name of a tmpfs file counts as reclaimable, though it is not."""
    kept = values.get(b"slab_unreclaimable", 0)
    return max(0, values.get(b"slab_reclaimable", 0) - kept)


class _Confirmed(NamedTuple):
    shown_bytes: int  # by memory.stat at that time
    lazy_bytes: int
    by_process: tuple[tuple[int, int], ...]  # pid, bytes
    next_ns: int  # CLOCK_MONOTONIC


class LazyFree:
    """Confirms what memory.stat shows of each cgroup; between readings the last one counts."""

    def __init__(
        self, clock: Callable[[], int] = time.monotonic_ns, proc: Path = _PROC
    ) -> None:
        self._clock = clock
        self._proc = proc
        self._confirmed: dict[int, _Confirmed] = {}  # by cgroup id, the latest last

    def confirm(
        self, cgroup_id: int, contents: CgroupContents, folder: Path, *, near: bool = False
    ) -> CgroupContents:
        """The contents with the lazily freed bytes that nothing was written to since.

        `near`: without them the limit would be near, so they are read more often.
        """
        shown = contents.lazy_bytes
        if shown < LEAST_BYTES:
            self._confirmed.pop(cgroup_id, None)
            return contents if not shown else contents._replace(lazy_bytes=0)
        began = self._clock()
        known = self._confirmed.get(cgroup_id)
        if known is None or began >= known.next_ns:
            lazy, by_process = _read(folder, shown, self._clock, self._proc)
            took = self._clock() - began
            rest = max(NS_PER_SECOND // 4, took * (_REST_NEAR if near else _REST))
            known = _Confirmed(shown, lazy, by_process, began + rest)
            self._confirmed.pop(cgroup_id, None)
            self._confirmed[cgroup_id] = known
            if len(self._confirmed) > _MOST_CGROUPS:
                del self._confirmed[next(iter(self._confirmed))]
        # What was freed since adds to both; nothing was written to it yet.
        lazy = known.lazy_bytes + max(0, shown - known.shown_bytes)
        lazy = min(shown, lazy)
        return contents._replace(lazy_bytes=lazy, lazy_by_process=known.by_process)


def confirmed_now(
    contents: CgroupContents,
    folder: Path,
    clock: Callable[[], int] = time.monotonic_ns,
    proc: Path = _PROC,
) -> CgroupContents:
    """The same, read at once: at a breach, where the last reading may be too old."""
    shown = contents.lazy_bytes
    if shown < LEAST_BYTES:
        return contents._replace(lazy_bytes=0)
    lazy, by_process = _read(folder, shown, clock, proc)
    return contents._replace(lazy_bytes=lazy, lazy_by_process=by_process)


def _read(
    folder: Path, most_bytes: int, clock: Callable[[], int], proc: Path
) -> tuple[int, tuple[tuple[int, int], ...]]:
    """The sum over the processes of the cgroup, at most `most_bytes`, and that of each.

    It is that where one is too large to be read in time: if it was written to since, the
    kernel finds that out at the limit, and memory.stat with it.
    """
    began_ns = clock()
    by_process: dict[int, int] = {}
    for pid in _pids(folder):
        freed = lazy_free_bytes(pid, proc)
        if freed is None:
            return most_bytes, tuple(by_process.items())
        if freed:
            by_process[pid] = freed
        if sum(by_process.values()) >= most_bytes or clock() - began_ns > _LONGEST_NS:
            break
    return min(sum(by_process.values()), most_bytes), tuple(by_process.items())


def lazy_free_bytes(pid: int, proc: Path = _PROC) -> int | None:
    """What a process freed lazily and did not write to since; 0 if it has ended.

    None where reading takes too long, as it does with some GiB, or no descriptor is left.
    """
    try:
        raw = bounded(pid, lambda: read_start(f"{proc}/{pid}/smaps_rollup", _ROLLUP_LIMIT))
    except OSError as error:
        return None if is_exhausted(error) else 0
    if raw is None:
        return None
    found = _LAZY.search(raw)
    return int(found[1]) * KIB if found else 0


def _pids(folder: Path) -> list[int]:
    """Processes of a cgroup itself, not of those below; a threaded cgroup shows none."""
    try:
        with Path(folder / "cgroup.procs").open("rb") as file:
            listed = os.read(file.fileno(), _MOST_PROCESSES * 8)
    except OSError as error:
        is_exhausted(error)
        return []
    return list(islice(listed_pids(listed), _MOST_PROCESSES))
