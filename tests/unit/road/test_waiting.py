"""SIGHUP ends a watch, unless there is a policy file to read again."""

import signal
from collections.abc import Iterator

import pytest

from ebpftrace.road.waiting import Waiting, Woken
from ebpftrace.units import NS_PER_SECOND

LONG_NS = 60 * NS_PER_SECOND


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    with Waiting() as opened:
        yield opened


def test_a_hang_up_ends_a_watch_without_policies(waiting: Waiting) -> None:
    signal.raise_signal(signal.SIGHUP)
    assert waiting.wait(LONG_NS) is Woken.STOP
    assert waiting.signal is signal.SIGHUP
    assert waiting.wait(LONG_NS) is Woken.STOP


def test_a_hang_up_reloads_once_where_that_was_asked_for(waiting: Waiting) -> None:
    waiting.reload_on_hangup()
    for _ in range(2):
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
        assert waiting.wait(LONG_NS) is Woken.RELOAD
        assert waiting.wait(0) is Woken.TIME
    assert waiting.signal is None


def test_an_interrupt_goes_before_a_reload(waiting: Waiting) -> None:
    waiting.reload_on_hangup()
    signal.raise_signal(signal.SIGHUP)
    signal.raise_signal(signal.SIGTERM)
    assert waiting.wait(LONG_NS) is Woken.STOP
    assert waiting.signal is signal.SIGTERM


def test_nohup_protects_from_the_terminal_and_not_from_who_asks_for_a_reload() -> None:
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Waiting() as waiting:
            signal.raise_signal(signal.SIGHUP)
            assert waiting.wait(0) is Woken.TIME
            waiting.reload_on_hangup()
            signal.raise_signal(signal.SIGHUP)
            assert waiting.wait(LONG_NS) is Woken.RELOAD
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, old)
