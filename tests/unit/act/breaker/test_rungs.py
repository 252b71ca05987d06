"""Which steps of a ladder run, and what is waited for."""

import pytest

from ebpftrace.act.breaker.rung import Rung
from ebpftrace.act.breaker.rungs import Rungs
from ebpftrace.act.policy.policy import Step
from ebpftrace.units import NS_PER_SECOND
from tests.support.scripted_action import ScriptedAction


def rung(fd: int, seconds: int) -> Rung:
    step = Step("exec", seconds * NS_PER_SECOND, None)
    return Rung(step, 0, ScriptedAction(fds=(fd,)))


@pytest.fixture
def rungs() -> Rungs:
    return Rungs()


def test_all_that_run_are_waited_for(rungs: Rungs) -> None:
    assert (rungs.fds, rungs.deadline_ns) == ((), None)
    rungs.add(rung(7, 5), beside=True)
    rungs.add(rung(8, 3), beside=False)
    assert (rungs.fds, rungs.deadline_ns) == ((7, 8), 3 * NS_PER_SECOND)
    rungs.clear()
    assert (list(rungs), rungs.current) == ([], None)


def test_a_step_that_is_over_is_not_waited_for(rungs: Rungs) -> None:
    beside, current = rung(7, 5), rung(8, 3)
    rungs.add(beside, beside=True)
    rungs.add(current, beside=False)
    assert rungs.remove(current) is current
    assert list(rungs) == [beside]
    assert rungs.remove(beside) is beside
    assert list(rungs) == []


def test_evidence_is_saved_beside_the_next_step_until_that_is_over(rungs: Rungs) -> None:
    saving, hook = rung(7, 5), rung(8, 3)
    rungs.add(saving, beside=False)
    rungs.save_beside(None)
    rungs.add(hook, beside=False)
    assert rungs.saving is saving
    assert rungs.current is hook
    rungs.remove(saving)
    assert rungs.saving is None


def test_evidence_is_saved_until_all_steps_that_do_it_are_over(rungs: Rungs) -> None:
    first, second = rung(7, 5), rung(8, 3)
    for saving in (first, second):
        rungs.add(saving, beside=False)
        rungs.save_beside(None)
    rungs.remove(second)
    assert rungs.saving is first
    rungs.remove(first)
    assert rungs.saving is None


def test_a_step_beside_others_saves_no_evidence(rungs: Rungs) -> None:
    rungs.add(rung(7, 5), beside=True)
    assert rungs.saving is None
