"""What a rule's calls cost, on recordings made by hand."""

from dataclasses import replace

import pytest

from bench.judgement.ci.cost import (
    END_SHARE,
    Calls,
    Cost,
    Rule,
    acting,
    bill,
    oom_kill_s,
    reaches_fuse,
    result,
)
from bench.judgement.ci.recording import Recording
from ebpftrace.act.fuse.job_bound import next_fuse
from ebpftrace.act.policy.fuse import backstop
from ebpftrace.events import FuseScope
from ebpftrace.units import MIB
from tests.support import watches
from tests.support.ci_recordings import ci_recording

HEALTHY = ci_recording([10, 40, 80, 60, 20])
LEAK = ci_recording([10, 40, 70, 90, 99], leaky=True)


def calling(seconds: float | None, *, fuse: bool = False, acted: float | None = None) -> Rule:
    """A rule that calls then; without a fuse it also acts then."""

    def judge(recording: Recording) -> Calls:
        return Calls(seconds, acted if fuse else seconds)

    return Rule("made", judge, fuse)


def test_the_backstop_ends_a_job_where_a_fuse_is_next() -> None:
    limit = 1000 * MIB
    process = watches.process(4711, 950 * MIB)
    job = watches.job(processes=[process], limit=limit, cache=0)
    fuse = next_fuse(replace(backstop(), scope=FuseScope.CHARGE), job, 950 * MIB)
    assert fuse is not None
    assert fuse.bound == pytest.approx(END_SHARE) == pytest.approx(0.975)


def test_a_healthy_job_left_alone_costs_nothing() -> None:
    found = result(calling(None), HEALTHY)
    assert (found.cost, found.called) == (Cost.NOTHING, False)


def test_a_healthy_job_ended_costs_ten() -> None:
    assert result(calling(4.0), HEALTHY).cost == 10


def test_a_healthy_job_that_is_called_and_left_alone_costs_nothing() -> None:
    found = result(calling(1.0, fuse=True), HEALTHY)
    assert (found.cost, found.called, found.acted) == (Cost.NOTHING, True, False)
    assert result(calling(1.0, fuse=True, acted=3.0), HEALTHY).cost == 10


def test_a_healthy_job_that_meets_the_fuse_costs_ten() -> None:
    close = ci_recording([10, 98, 20])
    assert reaches_fuse(close)
    assert result(calling(None, fuse=True), close).cost == 10
    assert result(calling(None), close).cost == 0  # a rule without a fuse does not end it
    assert result(calling(None, fuse=True), ci_recording([10, 97, 20])).cost == 0


def test_a_leak_called_before_its_end_costs_nothing() -> None:
    found = result(calling(2.0, fuse=True), LEAK)
    assert (found.cost, found.called, found.acted) == (Cost.NOTHING, True, False)
    assert result(calling(2.0, fuse=True, acted=2.5), LEAK).acted
    assert not result(calling(2.0, fuse=True, acted=4.0), LEAK).acted
    assert found.used == pytest.approx(0.7)
    assert found.lead_s == 2.0


@pytest.mark.parametrize("called", [None, 4.0, 9.0])
def test_a_leak_that_is_not_called_before_its_end(called: float | None) -> None:
    """A call at the moment of the kill is too late."""
    assert oom_kill_s(LEAK) == 4.0
    assert result(calling(called), LEAK).cost == 5
    found = result(calling(called, fuse=True), LEAK)
    assert (found.cost, found.called, found.used) == (Cost.FUSE, False, None)


def test_a_call_at_the_fuse_is_the_fuses() -> None:
    late = ci_recording([10, 60, 94, 96, 98, 99], leaky=True)
    assert result(calling(2.0, fuse=True), late).cost == 0
    assert result(calling(3.0, fuse=True), late).cost == 1
    assert result(calling(3.0), late).cost == 0  # without a fuse there is time left


def test_the_call_is_looked_up_at_the_next_row() -> None:
    assert result(calling(1.2), LEAK).used == pytest.approx(0.7)


def test_a_bill_adds_up() -> None:
    other = ci_recording([10, 50, 80, 95], leaky=True, job="other")
    whole = bill(calling(3.0), [HEALTHY, LEAK, other])
    assert whole.cost == 10 + 0 + 5
    assert (whole.false_ends, whole.called, whole.at_fuse, whole.missed) == (1, 1, 0, 1)
    assert whole.used() == whole.used(1.25) == pytest.approx(0.9)
    assert whole.used(2.0) is None
    assert whole.lead_s == 1.0
    assert whole.failures == [HEALTHY.name, other.name]


def test_a_bill_counts_what_was_left_alone() -> None:
    whole = bill(calling(2.0, fuse=True), [HEALTHY, LEAK, ci_recording([10, 99, 20])])
    assert [one.recording for one in whole.left_alone] == [HEALTHY]
    assert (whole.cost, whole.called, whole.acted) == (10, 1, 0)


def test_a_rule_that_acts_when_it_calls() -> None:
    found = bill(acting("made", lambda recording: 2.0), [HEALTHY, LEAK])
    assert (found.rule, found.cost, found.acted, found.left_alone) == ("made", 10, 1, [])


def test_a_bill_of_nothing_called_has_no_lead() -> None:
    whole = bill(calling(None, fuse=True), [HEALTHY, LEAK])
    assert (whole.cost, whole.at_fuse) == (1, 1)
    assert (whole.used(), whole.lead_s, whole.failures) == (None, None, [])
