"""Breaches are handled in the middle of a reading; stops keep their turn.

Kernel and breaker are fakes here; both are real in tests/e2e/test_breaker.py.
"""

import gc
import signal
from collections import deque
from dataclasses import dataclass, field
from typing import Any, cast

from ebpftrace.engine.breach_poller import PAUSE_NS, BreachPoller
from ebpftrace.events import Breached, CgroupMade, Event, FuseBlown, FuseScope, ProcessKey

BREACH = Breached(5, ProcessKey(4711, 100), 7, 64 << 20, group=True)
EARLIER, STOP = (
    CgroupMade(1, 7, "/ci/a"),
    FuseBlown(6, ProcessKey(4711, 100), 7, FuseScope.JOB, 1, 1, 1, signal.SIGSTOP),
)


@dataclass
class RingAndBreaker:
    """What the poller reads from, and what it reports to."""

    ring: list[Event]
    handled: list[Event] = field(default_factory=list)
    polls: int = 0

    def breaches(self) -> list[Event]:
        breaches = [event for event in self.ring if isinstance(event, Breached)]
        self.ring = [event for event in self.ring if event not in breaches]
        return list(breaches)

    def urgent(self) -> list[Event]:
        events, self.ring = self.ring, []
        return events

    def handle_breach(self, event: Breached) -> None:
        self.handled.append(event)

    def poll(self) -> None:
        self.polls += 1


def poller(fake: RingAndBreaker, queue: deque[Event], *, acts: bool = True) -> BreachPoller:
    both: Any = fake
    times = cast(Any, iter(range(0, 1 << 40, PAUSE_NS // 2)).__next__)
    return BreachPoller(both, both if acts else None, queue, times)


def test_breach_is_handled_first_and_stops_are_queued() -> None:
    fake, queue = RingAndBreaker([BREACH, STOP]), deque[Event]([EARLIER])
    poller(fake, queue).poll()
    assert fake.handled == [BREACH]
    assert fake.polls == 1
    assert list(queue) == [EARLIER, STOP]


def test_breaches_alone_are_handled_at_any_time() -> None:
    fake, queue = RingAndBreaker([STOP, BREACH]), deque[Event]()
    polled = poller(fake, queue)
    for _ in range(2):
        polled.breaches()
    assert fake.handled == [BREACH]
    assert (fake.ring, fake.polls, list(queue)) == ([STOP], 0, [])


def test_breach_that_happens_while_another_is_handled_is_next() -> None:
    class TwoMarks(RingAndBreaker):
        def handle_breach(self, event: Breached) -> None:
            super().handle_breach(event)
            if len(self.handled) == 1:
                self.ring.append(later)

    later = BREACH._replace(held_bytes=BREACH.held_bytes * 2)
    fake, queue = TwoMarks([BREACH]), deque[Event]()
    poller(fake, queue).breaches()
    assert fake.handled == [BREACH, later]


def test_breaches_without_end_do_not_keep_all_else_waiting() -> None:
    class Endless(RingAndBreaker):
        def handle_breach(self, event: Breached) -> None:
            super().handle_breach(event)
            self.ring.append(event)

    fake, queue = Endless([BREACH]), deque[Event]()
    poller(fake, queue).breaches()
    assert len(fake.handled) == 4


def test_no_garbage_is_collected_while_a_hook_waits() -> None:
    class Watched(RingAndBreaker):
        def handle_breach(self, event: Breached) -> None:
            super().handle_breach(event)
            collecting.append(gc.isenabled())

    collecting: list[bool] = []
    assert gc.isenabled()
    poller(Watched([BREACH]), deque[Event]()).breaches()
    assert collecting == [False]
    assert gc.isenabled()


def test_ring_is_read_once_a_millisecond() -> None:
    fake, queue = RingAndBreaker([]), deque[Event]()
    polled = poller(fake, queue)
    polled.poll()  # from 0 to 0.5 ms: the next time is at 1.5 ms
    fake.ring = [BREACH]
    polled.poll()
    assert fake.handled == []
    polled.poll()
    assert fake.handled == [BREACH]


def test_nothing_is_read_without_a_breaker() -> None:
    fake, queue = RingAndBreaker([BREACH, STOP]), deque[Event]()
    poller(fake, queue, acts=False).poll()
    assert fake.ring == [BREACH, STOP]
    assert not queue


def test_what_happened_is_reported_between_many_events() -> None:
    fake, queue, reported = RingAndBreaker([]), deque[Event](), list[int]()
    polled = poller(fake, queue, acts=False)
    polled.report = lambda: reported.append(handled)
    for handled in range(200):  # noqa: B007
        polled.before_event()
    assert reported == [63, 127, 191]


def test_breach_is_handled_before_an_event() -> None:
    fake = RingAndBreaker([BREACH])
    poller(fake, deque[Event]([EARLIER])).before_event()
    assert fake.handled == [BREACH]
