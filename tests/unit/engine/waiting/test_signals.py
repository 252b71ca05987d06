"""SIGHUP ends a watch unless it reloads its policies; a repeated interrupt counts once."""

import signal
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from ebpftrace.engine.waiting.signals import Signals
from ebpftrace.engine.waiting.waker import Waker
from ebpftrace.units import NS_PER_SECOND


@pytest.fixture
def waker() -> Iterator[Waker]:
    with closing(Waker()) as made:
        yield made


@pytest.fixture
def signals(waker: Waker) -> Iterator[Signals]:
    with Signals(waker.wakeup_fd) as taken:
        yield taken


def test_each_signal_wakes_and_the_first_is_kept(waker: Waker, signals: Signals) -> None:
    assert signals.stop is None
    signal.raise_signal(signal.SIGTERM)
    waker.clear()
    signal.raise_signal(signal.SIGQUIT)
    waker.clear()
    assert signals.stop is signal.SIGTERM


def test_old_handlers_are_restored(waker: Waker) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    before = [signal.getsignal(number) for number in numbers]
    with Signals(waker.wakeup_fd) as signals:
        signals.reload_on_hangup()
        assert before != [signal.getsignal(number) for number in numbers]
    assert before == [signal.getsignal(number) for number in numbers]
    assert signal.set_wakeup_fd(-1) == -1


def test_sighup_under_nohup_is_ignored_but_reloads(
    waker: Waker,
) -> None:
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals(waker.wakeup_fd) as signals:
            signal.raise_signal(signal.SIGHUP)
            assert (signals.stop, signals.reload_requested) == (None, False)
            signals.reload_on_hangup()
            signal.raise_signal(signal.SIGHUP)
            assert (signals.stop, signals.reload_requested) == (None, True)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, old)


def test_second_interrupt_ends_at_once_unless_it_is_the_first_repeated(
    signals: Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGINT)
    assert signals.stop is signal.SIGTERM
    later = time.monotonic_ns() + NS_PER_SECOND
    monkeypatch.setattr(time, "monotonic_ns", lambda: later)
    signal.raise_signal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
