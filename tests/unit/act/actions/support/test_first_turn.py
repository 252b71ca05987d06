"""A thread is a real-time one until it has used so much of a processor, or is done."""

import os
import threading
from collections.abc import Callable

import pytest

from ebpftrace.act.actions.support.first_turn import FirstTurn, inherited_priority, is_real_time
from ebpftrace.units import NS_PER_SECOND

REAL_TIME = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK


def on_a_thread(work: Callable[[], None]) -> None:
    """Its priority is that of no other test."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


def require_real_time() -> None:
    try:
        os.sched_setscheduler(0, REAL_TIME, os.sched_param(1))
    except OSError as error:
        pytest.skip(f"no real-time thread is allowed here: {error}")


def test_thread_is_ordinary_again_once_it_has_used_too_much() -> None:
    used = iter((0, 0, NS_PER_SECOND, NS_PER_SECOND))

    def work() -> None:
        require_real_time()
        turn = FirstTurn(True, cpu_ns=lambda: next(used))
        seen = [(part, is_real_time()) for part in turn.during("abc")]
        assert seen == [("a", True), ("b", False), ("c", False)]

    on_a_thread(work)


def test_thread_is_ordinary_again_once_its_turn_has_ended() -> None:
    def work() -> None:
        require_real_time()
        turn = FirstTurn(True, cpu_ns=lambda: 0)
        assert os.sched_getscheduler(0) == REAL_TIME
        turn.give_way()
        assert is_real_time()
        turn.end()
        assert not is_real_time()
        turn.give_way()
        turn.end()
        assert list(turn.during("ab")) == ["a", "b"]
        assert not is_real_time()

    on_a_thread(work)


def test_thread_is_ordinary_where_the_one_that_waits_is() -> None:
    def work() -> None:
        turn = FirstTurn(is_real_time())
        assert not is_real_time()
        turn.end()
        assert os.sched_getscheduler(0) == os.SCHED_OTHER

    on_a_thread(work)


def test_thread_inherits_the_priority_only_where_that_is_wanted() -> None:
    policies: list[int] = []

    def start_one() -> None:
        thread = threading.Thread(target=lambda: policies.append(os.sched_getscheduler(0)))
        thread.start()
        thread.join()

    def work() -> None:
        with inherited_priority():
            start_one()  # this thread is an ordinary one
        require_real_time()
        with inherited_priority():
            start_one()
        start_one()
        assert os.sched_getscheduler(0) == REAL_TIME

    on_a_thread(work)
    assert policies == [os.SCHED_OTHER, os.SCHED_FIFO, os.SCHED_OTHER]


def test_nothing_changes_where_it_is_not_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    turn = FirstTurn(True, cpu_ns=lambda: 0)
    assert list(turn.during("ab")) == ["a", "b"]
    turn.end()
