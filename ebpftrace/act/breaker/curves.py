"""The last minutes of every job, kept for the evidence of an incident."""

from collections import deque

from ebpftrace.ledger import Snapshot
from ebpftrace.ledger.held import held_bytes

Point = tuple[int, int, int]  # monotonic_ns, held bytes, charged bytes
_POINTS = 600
_FORGET_NS = 600 * 1_000_000_000


class Curves:
    """Six hundred points a job: ten minutes at the default interval. Bounded."""

    def __init__(self) -> None:
        self._points: dict[str, deque[Point]] = {}

    def add(self, snapshot: Snapshot) -> None:
        """The next snapshot; a job that is not in it for ten minutes is forgotten."""
        now = snapshot.monotonic_ns
        for job in snapshot.jobs:
            points = self._points.setdefault(job.identity.key, deque(maxlen=_POINTS))
            points.append((now, held_bytes(job), job.cgroup.charge_bytes))
        for key, points in list(self._points.items()):
            if now - points[-1][0] > _FORGET_NS:
                del self._points[key]

    def of(self, job: str) -> tuple[Point, ...]:
        """Oldest first; empty for a job that was never seen."""
        return tuple(self._points.get(job, ()))
