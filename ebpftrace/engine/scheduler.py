"""When the breaker reads between two ticks.

It does so soon after a process started, which until then has only the bounds that every
process has, and whose burst may end before the next tick. And it does so where a window of
growth is shorter than an interval: without readings in it there is no growth to compute.
A reading costs the same as at a tick, so there are few of them, however many processes start.
"""

from ebpftrace.units import NS_PER_SECOND

AFTER_START_NS = 10_000_000
"""By then the process is in its cgroup, and others that started with it are there too."""

_BETWEEN_NS = NS_PER_SECOND // 10
_SHARE = 20  # a reading that takes a millisecond is followed by twenty without one
_HURRY_SHARE = 9  # a job that makes processes reach a fuse takes a tenth of the time, not all


class SnapshotScheduler:
    """All times are CLOCK_MONOTONIC nanoseconds."""

    def __init__(self) -> None:
        self._due_ns: int | None = None
        self._rest_until_ns = 0
        self._next_hurry_ns = 0

    @property
    def due_ns(self) -> int | None:
        """When to read; None: the next tick is soon enough."""
        return self._due_ns

    def is_due(self, now_ns: int) -> bool:
        return self._due_ns is not None and now_ns >= self._due_ns

    def process_started(self, now_ns: int) -> None:
        """Schedule a reading soon after this start."""
        soon = max(now_ns + AFTER_START_NS, self._rest_until_ns)
        self._due_ns = soon if self._due_ns is None else min(soon, self._due_ns)

    def hurries(self, now_ns: int) -> bool:
        """Whether a snapshot is to be taken now, for which a stopped process waits.

        Else it is scheduled.
        """
        if now_ns >= self._next_hurry_ns:
            return True
        due, soon = self._due_ns, self._next_hurry_ns
        self._due_ns = soon if due is None else min(soon, due)
        return False

    def taken(self, began_ns: int, now_ns: int, again_ns: int | None = None) -> None:
        """All was read, from `began_ns` to `now_ns`; read again `again_ns` after it began."""
        rest = max(_BETWEEN_NS, _SHARE * (now_ns - began_ns))
        self._rest_until_ns = now_ns + rest
        self._next_hurry_ns = now_ns + _HURRY_SHARE * (now_ns - began_ns)
        self._due_ns = None
        if again_ns is not None:
            self._due_ns = max(began_ns + again_ns, self._rest_until_ns)
