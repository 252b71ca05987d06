"""How long the engine's thread is a real-time one, by a scripted clock."""

import os
import threading

from ebpftrace.engine.waiting.priority import TurnPriority
from ebpftrace.units import NS_PER_SECOND

MS = NS_PER_SECOND // 1000


class Thread:
    """A thread that uses processor time when the test says so."""

    def __init__(self, *, allowed: bool = True) -> None:
        self.now_ns = self.used_ns = 0
        self.changes: list[bool] = []
        self._allowed = allowed
        self.priority = TurnPriority(lambda: self.used_ns, lambda: self.now_ns, self._set)

    def turn(self, *, waits_ms: int, works_ms: int) -> None:
        self.now_ns += (waits_ms + works_ms) * MS
        self.used_ns += works_ms * MS
        self.priority.waited()

    def _set(self, real_time: bool) -> None:
        self.changes.append(real_time)
        if not self._allowed:
            raise PermissionError


def test_thread_that_needs_little_stays_a_real_time_thread() -> None:
    thread = Thread()
    for _ in range(1000):
        thread.turn(waits_ms=97, works_ms=3)
    assert thread.changes == [True]


def test_flooded_thread_is_an_ordinary_one_until_it_needs_little_again() -> None:
    thread = Thread()
    for _ in range(60):
        thread.turn(waits_ms=0, works_ms=1)
    assert thread.changes == [True, False]
    thread.turn(waits_ms=200, works_ms=1)
    assert thread.changes == [True, False]  # not at the first moment of peace
    thread.turn(waits_ms=1000, works_ms=1)
    assert thread.changes == [True, False, True]


def test_most_of_a_processor_is_never_taken_from_others() -> None:
    thread, real_time_ns = Thread(), 0
    for _ in range(10_000):
        real_time_ns += MS * thread.changes[-1]
        thread.turn(waits_ms=0, works_ms=1)
    assert real_time_ns < 0.1 * thread.now_ns


def test_thread_that_may_not_be_a_real_time_one_is_left_alone() -> None:
    thread = Thread(allowed=False)
    thread.turn(waits_ms=0, works_ms=100)
    thread.turn(waits_ms=10_000, works_ms=0)
    assert thread.changes == [True]


def test_what_it_starts_has_the_ordinary_priority() -> None:
    policies: list[int] = []

    def run() -> None:
        TurnPriority()
        policies.append(os.sched_getscheduler(0))
        started = threading.Thread(target=lambda: policies.append(os.sched_getscheduler(0)))
        started.start()
        started.join()

    thread = threading.Thread(target=run)  # so that the tests' own thread stays as it is
    thread.start()
    thread.join()
    assert policies[0] in (os.SCHED_OTHER, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK)
    assert policies[1] == os.SCHED_OTHER
