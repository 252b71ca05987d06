"""What each process gained in the last two seconds, from snapshots at irregular times."""

from collections import deque
from collections.abc import Mapping

from ebpftrace.events import ProcessKey
from ebpftrace.ledger import Snapshot
from ebpftrace.units import NS_PER_SECOND

WINDOW_NS = 2 * NS_PER_SECOND
_LEAST_GAP_NS = NS_PER_SECOND // 5  # of snapshots closer than this only the last is kept


class RecentGrowth:
    """Held bytes of all processes, some seconds back. Times are CLOCK_MONOTONIC."""

    def __init__(self) -> None:
        self._kept: deque[tuple[int, dict[ProcessKey, int]]] = deque()

    def add(self, snapshot: Snapshot) -> None:
        """The next snapshot."""
        held = {
            process.key: process.own.held_bytes
            for job in snapshot.jobs
            for process in job.processes
        }
        now_ns = snapshot.monotonic_ns
        if len(self._kept) > 1 and now_ns - self._kept[-2][0] < _LEAST_GAP_NS:
            self._kept[-1] = (now_ns, held)
            return
        self._kept.append((now_ns, held))
        # One at or before the window's begin stays: it is what was held there.
        while len(self._kept) > 2 and self._kept[1][0] <= now_ns - WINDOW_NS:
            self._kept.popleft()

    def gained(self, until_ns: int) -> Mapping[ProcessKey, int]:
        """Bytes by process, in the two seconds before `until_ns`.

        A process that started in them gained all it holds; one that ended is left out.
        """
        if not self._kept:
            return {}
        begin_ns = until_ns - WINDOW_NS
        before = next((held for at, held in reversed(self._kept) if at <= begin_ns), None)
        if before is None:  # the watch began later
            before = self._kept[0][1]
        return {key: held - before.get(key, 0) for key, held in self._kept[-1][1].items()}
