"""The recent memory of every job, kept as evidence for an incident."""

from collections import deque

from ebpftrace.ledger import Snapshot

Point = tuple[int, int, int]  # monotonic_ns, held bytes, charged bytes
_MAX_POINTS = 600
_FORGET_NS = 600 * 1_000_000_000


class Curves:
    """At most 600 points a job: ten minutes at the default interval."""

    def __init__(self) -> None:
        self._points: dict[str, deque[Point]] = {}

    def add(self, snapshot: Snapshot) -> None:
        """Add the next snapshot; a job that is missing for ten minutes is forgotten."""
        now = snapshot.monotonic_ns
        for job in snapshot.jobs:
            points = self._points.setdefault(job.identity.key, deque(maxlen=_MAX_POINTS))
            points.append((now, job.held_bytes, job.cgroup.charge_bytes))
        for key, points in list(self._points.items()):
            if now - points[-1][0] > _FORGET_NS:
                del self._points[key]

    def of(self, job: str) -> tuple[Point, ...]:
        """The points of a job (by key), oldest first; empty if it is unknown."""
        return tuple(self._points.get(job, ()))
