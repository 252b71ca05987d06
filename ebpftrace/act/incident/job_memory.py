"""What a job's memory cgroup holds now, read from its files: while a step runs, and after it.

Snapshots are too far apart for the grace of a signal, and the ledger reads no cgroup whose
last tracked process has ended. What is read counts as it does in a snapshot.
"""

from collections.abc import Iterator
from pathlib import Path

from ebpftrace.counters import CgroupCounters, Usage
from ebpftrace.host.memstat import LazyFree, read_contents
from ebpftrace.ledger.held import held_bytes, room_bytes

_MAX_DEPTH = 16  # as many levels as the kernel side looks at
_NO_LIMIT = 1 << 60  # v1 shows a limit that is not set as nearly 2^63

_CHARGES = ("memory.usage_in_bytes", "memory.current")  # v1, v2
_LIMITS = ("memory.limit_in_bytes", "memory.max")
_KERNEL = ("memory.kmem.usage_in_bytes",)  # v1; on v2 memory.stat has it


class JobMemory:
    """The cgroup of a job, and those above it that are visible.

    `limit_bytes` is the limit that the job is known to have: it counts as the cgroup's own
    where no file shows it, as in a cgroup namespace.
    """

    def __init__(self, folder: Path | None, limit_bytes: int | None) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._lazy_free = LazyFree()
        self._limited = () if folder is None else tuple(_limited(folder))

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit, and a cgroup to read."""
        return self._folder is not None and bool(self._limit or self._limited)

    def held_bytes(self, kernel_bytes: int | None = None) -> int:
        """What the kernel cannot drop; 0 if the cgroup is gone.

        `kernel_bytes` is how much of that was kernel memory before: on v1 no file shows which
        part of it can be dropped.
        """
        counters = None if self._folder is None else self._read(self._folder, self._limit)
        if counters is None:
            return 0
        if kernel_bytes is not None and counters.kernel_bytes is not None:
            kept = min(kernel_bytes, counters.kernel_bytes)
            counters = counters._replace(kernel_bytes=kept)
        return held_bytes(counters, Usage(), alone=True)

    def rooms(self) -> dict[Path, int]:
        """What can still be held below each limit, by its cgroup's folder."""
        if self._folder is None:
            return {}
        limits = {folder: _number(folder, _LIMITS) for folder in self._limited}
        known = [limit for limit in limits.values() if limit is not None]
        if self._limit and min(known, default=_NO_LIMIT) > self._limit:
            limits[self._folder] = self._limit
        rooms = {}
        for folder, limit in limits.items():
            counters = None if limit is None else self._read(folder, limit)
            if counters is not None and (room := room_bytes(counters, Usage())) is not None:
                rooms[folder] = room
        return rooms

    def _read(self, folder: Path, limit_bytes: int | None) -> CgroupCounters | None:
        charge, contents = _number(folder, _CHARGES) or 0, read_contents(folder)
        if contents is None:
            return None
        contents = self._lazy_free.confirm(_id(folder), contents, folder, near=True)
        headroom = None if limit_bytes is None else max(0, limit_bytes - charge)
        return CgroupCounters(
            charge,
            limit_bytes=limit_bytes,
            headroom_bytes=headroom,
            kernel_bytes=_number(folder, _KERNEL),
            contents=contents,
        )


def _limited(folder: Path) -> Iterator[Path]:
    """The cgroup and those above it that have a limit."""
    for above in (folder, *folder.parents)[:_MAX_DEPTH]:
        if not (above / "cgroup.procs").exists():
            return
        limit = _number(above, _LIMITS)
        if limit is not None and limit < _NO_LIMIT:
            yield above


def _number(folder: Path, names: tuple[str, ...]) -> int | None:
    """The number in the first of these files that there is; None for `max`."""
    for name in names:
        try:
            return int((folder / name).read_bytes())
        except (OSError, ValueError):
            continue
    return None


def _id(folder: Path) -> int:
    try:
        return folder.stat().st_ino
    except OSError:
        return 0
