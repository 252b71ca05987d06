"""How soon a limit of a job is reached, while a signal has its grace."""

from collections import deque
from pathlib import Path

from ebpftrace.act.incident.job_memory import JobMemory
from ebpftrace.units import NS_PER_SECOND

LOOK_NS = NS_PER_SECOND // 10
"""How often to look."""

_NEAR_NS = NS_PER_SECOND  # what the kernel may take to end a large process
_WINDOW_NS = NS_PER_SECOND
_SHORTEST_NS = NS_PER_SECOND // 5  # the growth of a shorter time says nothing about the next


class LimitOutlook:
    """The room below each limit that the job's cgroup counts towards, from their files."""

    def __init__(self, folder: Path | None, limit_bytes: int | None) -> None:
        self._memory = JobMemory(folder, limit_bytes)
        self._rooms: dict[Path, deque[tuple[int, int]]] = {}  # CLOCK_MONOTONIC, bytes

    @property
    def is_known(self) -> bool:
        """Whether there is a limit, and a cgroup to read."""
        return self._memory.is_limited

    def is_near(self, now_ns: int) -> bool:
        """Look now: whether a limit is a second away or less, at the rate of the last one."""
        near = [
            self._is_near(self._rooms.setdefault(folder, deque()), now_ns, room)
            for folder, room in self._memory.rooms().items()
        ]  # every level is looked at, each time
        return any(near)

    @staticmethod
    def _is_near(rooms: deque[tuple[int, int]], now_ns: int, room: int) -> bool:
        rooms.append((now_ns, room))
        while len(rooms) > 2 and rooms[1][0] <= now_ns - _WINDOW_NS:
            rooms.popleft()
        then_ns, before = rooms[0]
        taken, took_ns = before - room, now_ns - then_ns
        return taken > 0 and took_ns >= _SHORTEST_NS and room * took_ns <= _NEAR_NS * taken
