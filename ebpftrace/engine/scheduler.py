"""When who acts looks at the books between two ticks.

For a process that is new to them: until then it has no bounds but those that everybody has,
and a burst may be over before the next tick. And for a window of growth that is no longer
than an interval: without a look nobody would know its floor. A look costs what a reading
costs, so there are few of them, however many start.
"""

from ebpftrace.units import NS_PER_SECOND

SOON_NS = 10_000_000
"""After a start: the process is in its cgroup, and others that started with it are there."""

_BETWEEN_NS = NS_PER_SECOND // 10
_SHARE = 20  # a look that takes a millisecond is followed by twenty without one


class SnapshotScheduler:
    """All times are CLOCK_MONOTONIC nanoseconds."""

    def __init__(self) -> None:
        self._due_ns: int | None = None
        self._rest_until_ns = 0

    @property
    def due_ns(self) -> int | None:
        """When to look; None: the next tick is soon enough."""
        return self._due_ns

    def are_due(self, now_ns: int) -> bool:
        return self._due_ns is not None and now_ns >= self._due_ns

    def started(self, now_ns: int) -> None:
        """A process is new."""
        soon = max(now_ns + SOON_NS, self._rest_until_ns)
        self._due_ns = soon if self._due_ns is None else min(soon, self._due_ns)

    def looked(self, began_ns: int, now_ns: int, again_ns: int | None = None) -> None:
        """The books were read, with all that are in them; look again after so long."""
        rest = max(_BETWEEN_NS, _SHARE * (now_ns - began_ns))
        self._rest_until_ns = now_ns + rest
        self._due_ns = None
        if again_ns is not None:
            self._due_ns = max(began_ns + again_ns, self._rest_until_ns)
