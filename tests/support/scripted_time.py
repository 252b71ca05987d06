"""A clock that only moves while the engine waits, so that a whole watch runs at once."""

import select
from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field

from ebpftrace.units import NS_PER_SECOND

BEGAN_NS = 10_000 * NS_PER_SECOND
UNIX_NS = 1_700_000_000 * NS_PER_SECOND
_MOST_POLLS = 100_000  # a loop that never lets time pass fails, and does not hang


@dataclass(order=True)
class _Scheduled:
    due_ns: int
    number: int
    call: Callable[[], object] = field(compare=False)


class ScriptedTime:
    """A `TimeSource`. Times are CLOCK_MONOTONIC; `at` counts seconds from `BEGAN_NS`.

    Nothing sleeps: a wait returns what is ready at once, else moves the clock to the next
    call of the script or to its own deadline.
    """

    def __init__(self) -> None:
        self.now_ns = BEGAN_NS
        self._script: list[_Scheduled] = []
        self._polls = 0

    def at(self, seconds: float, call: Callable[[], object]) -> None:
        """Call it at this time, in the middle of the wait that reaches it."""
        due_ns = BEGAN_NS + round(seconds * NS_PER_SECOND)
        insort(self._script, _Scheduled(due_ns, len(self._script), call))

    @property
    def seconds(self) -> float:
        """Since the begin of the script."""
        return (self.now_ns - BEGAN_NS) / NS_PER_SECOND

    def advance(self, seconds: float) -> None:
        """Let time pass outside of a wait: what runs now takes this long."""
        self.now_ns += round(seconds * NS_PER_SECOND)

    def monotonic_ns(self) -> int:
        return self.now_ns

    def unix_ns(self) -> int:
        return UNIX_NS + self.now_ns

    def boottime_ns(self) -> int:
        return self.now_ns

    def poll(self, epoll: select.epoll, seconds: float | None) -> list[tuple[int, int]]:
        self._polls += 1
        assert self._polls < _MOST_POLLS, "the engine does not wait"
        deadline = None if seconds is None else self.now_ns + round(seconds * NS_PER_SECOND)
        while not (ready := epoll.poll(0)):
            if not self._script or (deadline is not None and self._script[0].due_ns > deadline):
                assert deadline is not None, "the engine waits for ever"
                self.now_ns = deadline
                return []
            scheduled = self._script.pop(0)
            self.now_ns = max(self.now_ns, scheduled.due_ns)
            scheduled.call()
        return ready
