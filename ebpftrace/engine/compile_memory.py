"""Whether the compiler failed for want of memory in this process's own memory cgroup.

The heap of LLVM and this process take about 80 MiB, once, and the pages of LLVM that are used
30 MiB besides, which another cgroup may have been charged for already. In a cgroup with less
the OOM killer ends the compiler, the kernel refuses it a map, or the kernel reads the same
pages of LLVM again and again: in 96 MiB for 80 s, in 112 MiB for 4 s.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ebpftrace.errors import EbpftraceError, ProbeError
from ebpftrace.host.cgroups import memory_cgroup
from ebpftrace.host.mounts import memory_hierarchy
from ebpftrace.units import MIB, format_bytes

NEEDED_BYTES = 96 * MIB
NEEDED_COLD_BYTES = 112 * MIB
"""Where the pages of LLVM are not in the page cache yet."""

PATIENCE_SECONDS = 15.0
"""With less memory than NEEDED_COLD_BYTES; where there is enough, 3 s is usual."""

_UNLIMITED = 1 << 60
_LIMITS = ("memory.max", "memory.limit_in_bytes")


class OwnMemory(NamedTuple):
    """The memory cgroup of this process, and those above it."""

    limit_bytes: int | None  # the lowest; None: there is none
    limit_hits: int  # how often the charge was at a limit, all levels
    oom_kills: int


def own_memory(root: Path = Path("/")) -> OwnMemory:
    """Limits and events of our own cgroup now; what cannot be read counts as none."""
    limits, hits, kills = [_UNLIMITED], 0, 0
    for folder in _own_folders(root):
        limits += [_number(folder / name) for name in _LIMITS if (folder / name).exists()]
        hits += _number(folder / "memory.failcnt", 0) + _field(folder / "memory.events", "max")
        kills += _field(folder / "memory.events", "oom_kill")
        kills += _field(folder / "memory.oom_control", "oom_kill")
    lowest = min(limits)
    return OwnMemory(None if lowest >= _UNLIMITED else lowest, hits, kills)


class CompileMemory:
    """What `in_child` asks about the compiler: create it before the compiler starts."""

    def __init__(
        self,
        read: Callable[[], OwnMemory] = own_memory,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._clock = clock
        self._before = read()
        self._began = clock()

    def explain(self, failed: bool) -> EbpftraceError | None:
        """The error if memory is why it failed, or why it takes so long; else None."""
        before, now = self._before, self._read()
        limit = before.limit_bytes
        if limit is None:
            return None
        took = self._clock() - self._began
        if failed and now.oom_kills > before.oom_kills:
            return _error(limit, "the OOM killer ended the compiler")
        if failed and now.limit_hits > before.limit_hits:
            return _error(limit, "the compiler got no more memory")
        if not failed and limit < NEEDED_COLD_BYTES and took > PATIENCE_SECONDS:
            return _error(limit, f"the compiler was not done after {took:.0f} s")
        return None


def _error(limit_bytes: int, what: str) -> ProbeError:
    limit = format_bytes(limit_bytes)
    return ProbeError(
        "there is not enough memory to compile the kernel programs",
        why=f"compiling needs about {format_bytes(NEEDED_BYTES)} once, and "
        f"{format_bytes(NEEDED_COLD_BYTES)} while LLVM is not in the page cache; {what} in a "
        f"memory cgroup with a limit of {limit}",
        fix="run `ebpftrace compile` once with more memory, or ship the cache that it fills "
        "(/var/cache/ebpftrace) with the image or package",
    )


def _own_folders(root: Path) -> Iterator[Path]:
    """Our memory cgroup's folder and those above it, up to the mount."""
    path = None
    with contextlib.suppress(EbpftraceError, OSError):
        hierarchy = memory_hierarchy(root)
        path = memory_cgroup(os.getpid(), root)
    if path is None:
        return
    below = path.removeprefix(hierarchy.root.rstrip("/")).strip("/")
    folder = hierarchy.mount / below
    if ".." in below or not folder.is_dir():
        folder = hierarchy.mount  # a namespace shows only its own root
    while True:
        yield folder
        if folder == hierarchy.mount:
            return
        folder = folder.parent


def _number(file: Path, otherwise: int = _UNLIMITED) -> int:
    try:
        return int(file.read_bytes())
    except (OSError, ValueError):  # v2 has "max"
        return otherwise


def _field(file: Path, name: str) -> int:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    values = (line.split() for line in lines)
    return sum(int(pair[1]) for pair in values if len(pair) == 2 and pair[0] == name)
