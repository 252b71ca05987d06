"""One `add` feeds growth, trend and curves of a job."""

import random

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


@pytest.mark.parametrize("seed", range(40))
def test_a_job_at_rest_has_the_figures_of_one_of_which_all_is_kept(seed: int) -> None:
    """Whatever happens in whichever order, each step leaves both with the same figures."""
    chance = random.Random(seed)
    short, full = JobHistory(), JobHistory()
    full._unfold()
    now, before, own = 0, 0, 0
    for _step in range(chance.randrange(1, 12)):
        now += chance.choice((0, NS_PER_SECOND // 8, NS_PER_SECOND, 40 * NS_PER_SECOND))
        size = chance.choice((0, MIB, 5 * MIB))
        held, room = chance.choice((own, own + MIB)), chance.choice((None, -MIB, MIB))
        reading = JobReading(chance.choice((own, own, None)), held, held + size, room)
        happens = chance.choice(("start", "lift", "add", "add", "restart", "stay", "forget"))
        for history in (short, full):
            if happens == "start" and not history.is_started:
                history.start(now, size)
            elif happens == "lift" and history.is_started:
                history.lift(size)
            elif happens == "add":
                history.add(now, reading, before)
            elif happens == "restart":
                history.restart()
            elif happens == "stay":
                history.stay(now)
            elif happens == "forget":
                history.forget_old(now)
        own = own + size if happens in ("start", "lift") else own
        before = now if happens == "add" else before
        assert figures(short) == figures(full), happens


def figures(history: JobHistory) -> tuple[object, ...]:
    return (
        history.is_started, history.wakes_ns(), history.growth(0), history.growth_to(7 * MIB),
        history.total_growth_bytes, history.trend, history.curve(), history.evidence_curves(),
    )  # fmt: skip


def test_of_a_job_at_rest_only_one_reading_is_kept() -> None:
    history = JobHistory()
    history.start(0, 3 * MIB)
    history.lift(2 * MIB)
    history.add(NS_PER_SECOND, JobReading(5 * MIB, 6 * MIB, 7 * MIB, MIB))
    assert history._parts is None
    assert history.evidence_curves()[1].highest(MINUTE)[1] == [7 * MIB]
    history.add(2 * NS_PER_SECOND, JobReading(5 * MIB, 6 * MIB, 9 * MIB, MIB))
    assert history.evidence_curves()[1].highest(MINUTE)[1] == [7 * MIB, 9 * MIB]
