"""A step that is polled until it ends, at its timeout at the latest."""

from dataclasses import dataclass

from ebpftrace.act.actions.support.running import Ended, finished
from ebpftrace.act.breaker.rung import Rung
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.policy.policy import Step
from ebpftrace.act.process.undo import Undo

STEP = Step("exec", 5_000, None)


@dataclass
class Broken:
    """An action with a bug."""

    fds: tuple[int, ...] = ()
    due_ns: int | None = 3_000
    undo: Undo | None = None

    def poll(self, now_ns: int) -> Ended | None:
        raise ZeroDivisionError("a bug")

    def cancel(self, now_ns: int) -> bool:
        return False

    def stop(self) -> str:
        return "left"


@dataclass
class Dying:
    """An action that takes a moment to end once it is cancelled."""

    fds: tuple[int, ...] = ()
    due_ns: int | None = None
    undo: Undo | None = None
    ended: Ended | None = None

    def poll(self, now_ns: int) -> Ended | None:
        return self.ended

    def cancel(self, now_ns: int) -> bool:
        self.due_ns = now_ns + 500
        return True

    def stop(self) -> str:
        return ""


def test_a_step_ends_as_its_action_does() -> None:
    rung = Rung(STEP, 1_000, finished(StepStatus.DONE, "done so"))
    assert rung.poll(1_000) == Ended(StepStatus.DONE, "done so")
    assert rung.deadline_ns == 0


def test_a_step_is_due_with_its_action_or_at_its_timeout() -> None:
    assert Rung(STEP, 1_000, Broken()).deadline_ns == 3_000
    assert Rung(STEP, 1_000, Broken(due_ns=None)).deadline_ns == 6_000


def test_an_action_that_raises_has_failed() -> None:
    rung = Rung(STEP, 0, Broken())
    assert rung.poll(1) == Ended(StepStatus.FAILED, "ZeroDivisionError: a bug")
    assert rung.stop() == "left"


def test_a_step_that_was_not_started_has_nothing_to_stop() -> None:
    rung = Rung(STEP, 1_000)
    assert (rung.fds, rung.stop(), rung.deadline_ns) == ((), "", 6_000)


def test_cancelled_action_is_polled_until_it_has_ended() -> None:
    dying = Dying()
    rung = Rung(STEP, 0, dying)
    assert rung.poll(4_999) is None
    assert rung.deadline_ns == 5_000
    assert rung.poll(5_000) is None
    assert rung.deadline_ns == 5_500  # its timeout has elapsed: it is not polled in a loop
    assert rung.poll(5_100) is None
    dying.ended = Ended(StepStatus.FAILED, "killed")
    assert rung.poll(5_200) == Ended(StepStatus.TIMED_OUT, "stopped after 0ms")
