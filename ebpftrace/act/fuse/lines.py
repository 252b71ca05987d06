"""Which stops are reported and logged by a line each.

A job whose processes reach a fuse, are killed by one another and are started anew could fill
the audit log, and push out the incidents of other jobs. So each job has a share of the lines
of a minute, and what has none is counted in one line a minute. A kill always has its line: it
spends the budget of its job, which bounds how many there are.
"""

from collections.abc import Callable
from typing import NamedTuple

from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.events import ProcessKey
from ebpftrace.job_shares import JobShares, nodes_of
from ebpftrace.units import NS_PER_SECOND

_PERIOD_NS = 60 * NS_PER_SECOND
_MOST = 256  # stops within a period; the end of each is a second line


class HeldBack(NamedTuple):
    """Stops without a line of their own: `last` and `stops` - 1 others of its job.

    `elsewhere` are those of other jobs, none of which had more.
    """

    last: FuseEvent
    stops: int
    elsewhere: int

    @property
    def sentence(self) -> str:
        """`3 further stops by the fuse of build-42 without a line, and 7 of other jobs`."""
        stops = "stop" if self.stops == 1 else "stops"
        others = f", and {self.elsewhere} of other jobs" if self.elsewhere else ""
        return (
            f"{self.stops} further {stops} by the fuse of {self.last.job.name} "
            f"without a line{others}"
        )


class FuseLines:
    """`clock` is CLOCK_MONOTONIC, ns."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._shares = JobShares(_MOST, _PERIOD_NS)
        self._without: set[ProcessKey] = set()  # stopped now, and there was no line
        self._held_back: dict[str, tuple[FuseEvent, int]] = {}  # by job
        self._due_ns = 0

    def admits(self, event: FuseEvent) -> bool:
        """Whether it has a line. What becomes of a stopped process has one if the stop had."""
        if event.kind is FuseEventKind.KILLED:
            return True
        if event.kind is not FuseEventKind.STOPPED:
            has_line = event.process not in self._without
            self._without.discard(event.process)
            return has_line
        if self._shares.take(nodes_of(event.job.cgroup), self._clock()):
            return True
        self._without.add(event.process)
        _, count = self._held_back.get(event.job.key, (event, 0))
        self._held_back[event.job.key] = event, count + 1
        return False

    def take(self, *, last: bool = False) -> HeldBack | None:
        """What had no line, once a minute or at the `last` call."""
        if not self._held_back or (self._clock() < self._due_ns and not last):
            return None
        self._due_ns = self._clock() + _PERIOD_NS
        event, count = max(self._held_back.values(), key=lambda held: held[1])
        total = sum(count for _, count in self._held_back.values())
        self._held_back.clear()
        return HeldBack(event, count, total - count)
