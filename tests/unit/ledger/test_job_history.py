"""One `add` feeds growth, trend and curves of a job."""

import pytest

from ebpftrace.ledger import Curve, GrowthRates
from ebpftrace.ledger.job_history import JobHistory, JobReading
from ebpftrace.ledger.trend import NO_TREND
from ebpftrace.units import MIB, NS_PER_SECOND

MINUTE = 60 * NS_PER_SECOND


def climbed(seconds: int = 30) -> JobHistory:
    """Its processes grow by 1 MiB a second, the whole cgroup by 2 MiB."""
    history = JobHistory()
    history.start(0, 100 * MIB)
    for second in range(1, seconds + 1):
        history.add(second * NS_PER_SECOND, reading(second))
    return history


def reading(second: int) -> JobReading:
    own, held = (100 + second) * MIB, (200 + 2 * second) * MIB
    return JobReading(own, held, held + MIB, 1000 * MIB - held)


def test_growth_and_curve_are_of_the_processes() -> None:
    history = climbed()
    assert history.growth(7) == GrowthRates(10 * MIB, 30 * MIB, 30 * MIB, 7)
    assert history.total_growth_bytes == 30 * MIB
    assert history.growth_to(190 * MIB) == 90 * MIB
    assert history.curve().highest(MINUTE)[1][-1] == 130 * MIB


def test_trend_and_evidence_are_of_what_is_judged() -> None:
    history = climbed()
    assert history.trend.bytes_per_second == pytest.approx(2 * MIB, rel=0.02)
    assert history.trend.seconds_to_limit == pytest.approx(740 / 2, rel=0.02)
    held, charge = history.evidence_curves()
    assert held.highest(MINUTE)[1][-1] == 260 * MIB
    assert charge.highest(MINUTE)[1][-1] == 261 * MIB


def test_without_a_process_only_trend_and_evidence_continue() -> None:
    history = climbed()
    curve = history.curve()
    history.restart()
    history.add(31 * NS_PER_SECOND, JobReading(None, 5 * MIB, 6 * MIB, None))
    assert not history.is_started
    assert history.curve() == curve
    assert history.evidence_curves()[0].open_fine == (5 * MIB, 260 * MIB)


def test_memory_from_before_tracking_is_no_growth() -> None:
    history = climbed()
    history.lift(500 * MIB)
    assert history.growth_to(630 * MIB) == 30 * MIB


def test_trend_and_evidence_are_forgotten_half_a_minute_after_the_last_sample() -> None:
    history = climbed()
    assert not history.forget_old(60 * NS_PER_SECOND)
    assert history.trend != NO_TREND
    assert history.forget_old(60 * NS_PER_SECOND + 1)
    assert history.trend == NO_TREND
    assert history.evidence_curves() == (Curve(), Curve())
    assert history.total_growth_bytes == 30 * MIB
