"""One incident's end of a process on the budget of its job."""

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
    return Allowance(spending, "job", ONE, now)


def test_several_steps_are_one_end(spending: Spending) -> None:
    mine = allowance(spending)
    assert mine.claim() == ""
    assert mine.claim() == ""
    assert "budget spent" in allowance(spending).claim()


def test_what_came_to_nothing_is_given_back(spending: Spending) -> None:
    mine = allowance(spending)
    assert not mine.give_back()  # nothing is booked yet
    mine.claim()
    assert mine.give_back()
    assert allowance(spending).claim() == ""


def test_what_may_have_ended_a_process_is_kept(spending: Spending) -> None:
    mine = allowance(spending)
    mine.claim()
    mine.keep()
    assert not mine.give_back()
    assert "budget spent" in allowance(spending).claim()


def test_who_decides_by_hand_is_not_asked_for_it(spending: Spending) -> None:
    allowance(spending).claim()
    by_hand = allowance(spending)
    by_hand.waive()
    assert by_hand.claim() == ""
    assert not by_hand.give_back()
    assert "budget spent" in allowance(spending).claim()  # what was booked stays booked
