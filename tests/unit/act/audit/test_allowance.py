"""One incident's share of the budget of its job."""

import pytest

from ebpftrace.act.audit.allowance import Allowance
from ebpftrace.act.audit.budget import Moment, Spending
from ebpftrace.act.policy.policy import Budget
from ebpftrace.units import NS_PER_SECOND

ONE = Budget(restarts=1, window_ns=100 * NS_PER_SECOND)


def now() -> Moment:
    return Moment(0, 0, "boot")


@pytest.fixture
def spending() -> Spending:
    return Spending()


def allowance(spending: Spending) -> Allowance:
    return Allowance(spending, ["job"], ONE, now)


def test_several_steps_of_one_incident_spend_the_budget_once(spending: Spending) -> None:
    mine = allowance(spending)
    assert mine.claim() == ""
    assert mine.claim() == ""
    assert "budget spent" in allowance(spending).claim()


def test_a_step_that_ended_nothing_is_refunded(spending: Spending) -> None:
    mine = allowance(spending)
    assert not mine.refund()  # nothing was spent yet
    mine.claim()
    assert mine.refund()
    assert allowance(spending).claim() == ""


def test_a_step_that_may_have_ended_a_process_is_not_refunded(spending: Spending) -> None:
    mine = allowance(spending)
    mine.claim()
    mine.keep()
    assert not mine.refund()
    assert "budget spent" in allowance(spending).claim()


def test_a_kill_by_hand_needs_no_budget(spending: Spending) -> None:
    allowance(spending).claim()
    by_hand = allowance(spending)
    by_hand.waive()
    assert by_hand.claim() == ""
    assert not by_hand.refund()
    assert "budget spent" in allowance(spending).claim()
