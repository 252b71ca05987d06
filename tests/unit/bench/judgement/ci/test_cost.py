"""What a rule's calls cost, on recordings made by hand."""

import pytest

from bench.judgement.ci.cost import Cost, Rule, bill, oom_kill_s, reaches_fuse, result
from bench.judgement.ci.recording import Recording
from tests.support.ci_recordings import ci_recording

HEALTHY = ci_recording([10, 40, 80, 60, 20])
LEAK = ci_recording([10, 40, 70, 90, 99], leaky=True)


def calling(seconds: float | None, *, fuse: bool = False) -> Rule:
    def call(recording: Recording) -> float | None:
        return seconds

    return Rule("made", call, fuse)


def test_a_healthy_job_left_alone_costs_nothing() -> None:
    found = result(calling(None), HEALTHY)
    assert (found.cost, found.called) == (Cost.NOTHING, False)


def test_a_healthy_job_ended_costs_ten() -> None:
    assert result(calling(4.0), HEALTHY).cost == 10


def test_a_healthy_job_that_meets_the_fuse_costs_ten() -> None:
    close = ci_recording([10, 98, 20])
    assert reaches_fuse(close)
    assert result(calling(None, fuse=True), close).cost == 10
    assert result(calling(None), close).cost == 0  # a rule without a fuse does not end it
    assert result(calling(None, fuse=True), ci_recording([10, 97, 20])).cost == 0


def test_a_leak_called_before_its_end_costs_nothing() -> None:
    found = result(calling(2.0, fuse=True), LEAK)
    assert (found.cost, found.called) == (Cost.NOTHING, True)
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


def test_a_bill_of_nothing_called_has_no_lead() -> None:
    whole = bill(calling(None, fuse=True), [HEALTHY, LEAK])
    assert (whole.cost, whole.at_fuse) == (1, 1)
    assert (whole.used(), whole.lead_s, whole.failures) == (None, None, [])
