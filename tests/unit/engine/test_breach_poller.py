"""What is met in the middle of a reading, and what keeps its turn.

The kernel and the breaker are played here: both are real in tests/e2e/test_breaker.py.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, cast

from ebpftrace.engine.breach_poller import PAUSE_NS, BreachPoller
from ebpftrace.events import Breached, CgroupMade, Event, ProcessKey

BREACH = Breached(5, ProcessKey(4711, 100), 7, 64 << 20, group=True)
EARLIER, LATER = CgroupMade(1, 7, "/ci/a"), CgroupMade(6, 8, "/ci/b")


@dataclass
class Played:
    """Ring and breaker in one."""

    ring: list[Event]
    met: list[Event] = field(default_factory=list)
    polls: int = 0

    def events(self) -> list[Event]:
        events, self.ring = self.ring, []
        return events

    def breached(self, event: Breached) -> None:
        self.met.append(event)

    def poll(self) -> None:
        self.polls += 1


def hearing(played: Played, queue: deque[Event], *, acts: bool = True) -> BreachPoller:
    made: Any = played
    times = cast(Any, iter(range(0, 1 << 40, PAUSE_NS // 2)).__next__)
    return BreachPoller(made, made if acts else None, queue, times)


def test_a_breach_is_met_before_what_came_earlier_and_the_rest_keeps_its_turn() -> None:
    played, queue = Played([BREACH, LATER]), deque[Event]([EARLIER])
    hearing(played, queue).between()
    assert played.met == [BREACH]
    assert played.polls == 1
    assert list(queue) == [EARLIER, LATER]


def test_the_ring_is_looked_at_once_a_millisecond() -> None:
    played, queue = Played([]), deque[Event]()
    one = hearing(played, queue)
    one.between()  # at 0 ms, over at 0.5: the next look is due at 1.5 ms
    played.ring = [BREACH]
    one.between()
    assert played.met == []
    one.between()
    assert played.met == [BREACH]


def test_nothing_is_taken_where_nobody_acts() -> None:
    played, queue = Played([BREACH, LATER]), deque[Event]()
    hearing(played, queue, acts=False).between()
    assert played.ring == [BREACH, LATER]
    assert not queue
