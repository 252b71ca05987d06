"""A kernel side that reports more than can be handled, in scripted time."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.incident.outcome import StepOutcome
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.act.policy.reader import default_step
from ebpftrace.engine.dispatcher import EventDispatcher
from ebpftrace.events import ProcessKey, ProcessRenamed, ProcessStarted
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.conditions import level
from tests.support.scripted_watch import ScriptedWatch, fake_key

SLICE = 8
POLICY = Policy(
    "leaks", Match(), (level(64 * MIB),), Mode.ANY, (default_step("notify", ACTIONS),),
    grace_ns=0,
)  # fmt: skip


@pytest.fixture
def flooded(tmp_path: Path) -> ScriptedWatch:
    """Each slice takes 5 ms, and by then there is more than another one."""
    scripted = ScriptedWatch(tmp_path, policies=(POLICY,))

    def flood() -> None:
        scripted.time.advance(0.005)
        renamed = ProcessRenamed(scripted.time.now_ns, fake_key(), "other")
        scripted.probe.emit(*[renamed] * (SLICE + 1))

    scripted.probe.slice = SLICE
    scripted.probe.on_slice = flood
    return scripted


def during(scripted: ScriptedWatch, seconds: float, call: Callable[[], object]) -> None:
    """Call this once at a slice after this time: the script waits while events are ready."""
    flood, calls = scripted.probe.on_slice, [call]

    def slice_and_call() -> None:
        if calls and scripted.time.seconds >= seconds:
            calls.pop()()
        flood()

    scripted.probe.on_slice = slice_and_call


def test_snapshots_come_in_time(flooded: ScriptedWatch) -> None:
    view = flooded.run(duration_ns=3 * NS_PER_SECOND)
    assert [round(seconds, 1) for seconds in view.times("snapshot")] == [0, 1, 2]
    assert not flooded.probe.caught_up
    assert view.reason == "the duration has elapsed"
    assert view.times("end") <= [3.5]


def test_breach_is_handled_before_what_was_reported_earlier(
    flooded: ScriptedWatch, sleeper: ProcessKey
) -> None:
    flooded.start(sleeper)
    during(flooded, 1.5, lambda: flooded.breach(sleeper, 100))
    view = flooded.run(duration_ns=3 * NS_PER_SECOND)
    assert [step.process for step in view.all(StepOutcome)] == [sleeper]
    assert [round(seconds, 2) for seconds in view.times("step")] == [1.5]


def test_user_can_end_the_watch(flooded: ScriptedWatch) -> None:
    def quit_watch() -> None:
        assert flooded.waiter is not None
        flooded.waiter.quit()

    during(flooded, 1.5, quit_watch)
    view = flooded.run(duration_ns=60 * NS_PER_SECOND)
    assert view.reason == "q was pressed"
    assert [round(seconds, 1) for seconds in view.times("end")] == [1.8]


def test_flood_of_starts_does_not_put_off_the_end(
    flooded: ScriptedWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine a look at /proc takes long, and there are more starts than time."""
    complete = EventDispatcher._start

    def slowly(dispatcher: EventDispatcher, event: ProcessStarted) -> None:
        flooded.time.advance(0.1)
        complete(dispatcher, event)

    def flood() -> None:
        flooded.time.advance(0.005)
        for number in range(SLICE + 1):
            flooded.start(fake_key(number + 1))

    def quit_watch() -> None:
        assert flooded.waiter is not None
        flooded.waiter.quit()

    monkeypatch.setattr(EventDispatcher, "_start", slowly)
    flooded.probe.on_slice = flood
    during(flooded, 1.5, quit_watch)
    view = flooded.run()
    (end,) = view.times("end")
    assert 1.5 < end < 2.5, "SIGTERM ends it within a second"
