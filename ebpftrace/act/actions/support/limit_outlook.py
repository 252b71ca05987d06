"""How soon the limit of a job is reached, while a signal has its grace."""

from collections import deque
from pathlib import Path

from ebpftrace.counters import CgroupCounters, Usage
from ebpftrace.host.memstat import read_contents
from ebpftrace.ledger.held import room_bytes
from ebpftrace.units import NS_PER_SECOND

LOOK_NS = NS_PER_SECOND // 10
"""How often to look."""

_NEAR_NS = NS_PER_SECOND  # what the kernel may take to end a large process
_WINDOW_NS = NS_PER_SECOND
_SHORTEST_NS = NS_PER_SECOND // 5  # the growth of a shorter time says nothing about the next


class LimitOutlook:
    """The room below the limit, read from the files of the job's cgroup.

    A limit above that cgroup is taken for its own: what others take below it is not seen.
    """

    def __init__(self, folder: Path | None, limit_bytes: int | None) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._rooms: deque[tuple[int, int]] = deque()  # CLOCK_MONOTONIC, bytes

    @property
    def is_known(self) -> bool:
        """Whether there is a limit, and a cgroup to read."""
        return self._folder is not None and bool(self._limit)

    def is_near(self, now_ns: int) -> bool:
        """Look now: whether the limit is a second away or less, at the rate of the last one."""
        room = self._room()
        if room is None:
            return False
        self._rooms.append((now_ns, room))
        while len(self._rooms) > 2 and self._rooms[1][0] <= now_ns - _WINDOW_NS:
            self._rooms.popleft()
        then_ns, before = self._rooms[0]
        taken, took_ns = before - room, now_ns - then_ns
        return taken > 0 and took_ns >= _SHORTEST_NS and room * took_ns <= _NEAR_NS * taken

    def _room(self) -> int | None:
        if self._folder is None or not self._limit:
            return None
        contents, charge = read_contents(self._folder), _charge(self._folder)
        if contents is None or charge is None:
            return None
        headroom = max(0, self._limit - charge)
        counters = CgroupCounters(
            charge, limit_bytes=self._limit, headroom_bytes=headroom, contents=contents
        )
        return room_bytes(counters, Usage())


def _charge(folder: Path) -> int | None:
    for name in ("memory.usage_in_bytes", "memory.current"):  # v1, v2
        try:
            return int((folder / name).read_bytes())
        except (OSError, ValueError):
            continue
    return None
