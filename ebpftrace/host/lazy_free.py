"""Lazily freed memory (MADV_FREE): still charged, and the kernel takes it as it needs it.

memory.stat counts such pages as anon, but on the lists of file pages, since mark_page_lazyfree
in the kernel's mm/swap.c moves them there. A page that is written again stays on that list
until reclaim comes to it, so memory.stat shows at most how much is free. smaps_rollup knows
what was written since; reading it takes some milliseconds for each 100 MiB of a process.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ebpftrace.counters import CgroupContents
from ebpftrace.host.bounded import bounded
from ebpftrace.units import KIB, MIB, NS_PER_SECOND

LEAST_BYTES = 16 * MIB
"""Less is not looked at: it counts as held."""

_MOST_PROCESSES = 64
_LONGEST_NS = NS_PER_SECOND // 10  # so long the processes of a cgroup are read
_REST, _REST_NEAR = 100, 20  # times what the reading took, until the next
_MOST_CGROUPS = 1024
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class _Confirmed:
    shown_bytes: int  # by memory.stat at that time
    lazy_bytes: int
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
            return contents if not shown else replace(contents, lazy_bytes=0)
        began = self._clock()
        known = self._confirmed.get(cgroup_id)
        if known is None or began >= known.next_ns:
            lazy = _read(folder, shown, self._clock, self._proc)
            took = self._clock() - began
            rest = max(NS_PER_SECOND // 4, took * (_REST_NEAR if near else _REST))
            known = _Confirmed(shown, lazy, began + rest)
            self._confirmed.pop(cgroup_id, None)
            self._confirmed[cgroup_id] = known
            if len(self._confirmed) > _MOST_CGROUPS:
                del self._confirmed[next(iter(self._confirmed))]
        # What was freed since adds to both; nothing was written to it yet.
        lazy = known.lazy_bytes + max(0, shown - known.shown_bytes)
        return replace(contents, lazy_bytes=min(shown, lazy))


def confirmed_now(
    contents: CgroupContents,
    folder: Path,
    clock: Callable[[], int] = time.monotonic_ns,
    proc: Path = _PROC,
) -> CgroupContents:
    """The same, read at once: at a breach, where the last reading may be too old."""
    shown = contents.lazy_bytes
    lazy = 0 if shown < LEAST_BYTES else _read(folder, shown, clock, proc)
    return replace(contents, lazy_bytes=lazy)


def _read(folder: Path, most_bytes: int, clock: Callable[[], int], proc: Path) -> int:
    """The sum over the processes of the cgroup; none above `most_bytes`."""
    found, began_ns = 0, clock()
    for pid in _pids(folder):
        found += lazy_free_bytes(pid, proc)
        if found >= most_bytes or clock() - began_ns > _LONGEST_NS:
            break
    return min(found, most_bytes)


def lazy_free_bytes(pid: int, proc: Path = _PROC) -> int:
    """What a process freed lazily and did not write to since; 0 if that cannot be read."""
    try:
        raw = bounded(pid, lambda: (proc / str(pid) / "smaps_rollup").read_bytes())
    except OSError:
        return 0
    for line in (raw or b"").splitlines():
        if line.startswith(b"LazyFree:"):
            return int(line.split()[1]) * KIB
    return 0


def _pids(folder: Path) -> list[int]:
    """Processes of a cgroup itself, not of those below; a threaded cgroup shows none."""
    try:
        with Path(folder / "cgroup.procs").open("rb") as file:
            listed = os.read(file.fileno(), _MOST_PROCESSES * 8)
    except OSError:
        return []
    return [int(pid) for pid in listed.split()[:_MOST_PROCESSES]]
