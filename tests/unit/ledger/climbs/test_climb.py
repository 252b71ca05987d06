"""What is a climb, and what only looks like one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.ledger.climbs import climb as climb_module
from ebpftrace.ledger.climbs.climb import WARM_UP_NS, SteadyClimb, steadiest
from ebpftrace.ledger.climbs.floor import KEPT_NS
from ebpftrace.ledger.series import HeldSeries
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.curves import (
    Curve,
    added,
    held,
    line,
    paused,
    plateau,
    settling,
    teeth,
)


@pytest.mark.parametrize("rate", [1, 10, 100])
def test_a_line_is_one_for_all_its_length(rate: float) -> None:
    climb = steadiest(held(line(rate), 60))
    assert climb is not None
    assert climb.seconds == 60
    assert climb.rate == pytest.approx(rate * MIB)
    assert climb.gain_bytes == pytest.approx(60 * rate * MIB)


@pytest.mark.parametrize(
    "curve",
    [
        paused(10, on=5, off=5),
        paused(10, on=5, off=10),
        added(line(2), teeth(20, 5)),
        added(line(2), teeth(100, 10)),
    ],
    ids=["5 s pauses", "10 s pauses", "short teeth", "teeth ten times as large"],
)
def test_it_survives_pauses_and_teeth(curve: Curve) -> None:
    climb = steadiest(held(curve, 90))
    assert climb is not None
    assert climb.seconds > 40
    true = (curve(90) - curve(0)) / 90
    assert climb.rate == pytest.approx(true * MIB, rel=0.35)


@pytest.mark.parametrize(
    ("curve", "seconds"),
    [
        (lambda t: 300.0, 60),
        (teeth(200, 7), 63.5),
        (teeth(200, 20), 79.5),
        (plateau(200, until=3), 30),
        (plateau(10, until=30), 50),
        (settling(300, 6), 60),
        (lambda t: 20.0 if t < 20 else 400.0, 60),
        (lambda t: 400.0 - 4 * t, 60),
    ],
    ids=["flat", "teeth", "slow teeth", "burst", "plateau", "settling", "jump", "falling"],
)
def test_these_are_none(curve: Curve, seconds: float) -> None:
    assert steadiest(held(curve, seconds)) is None


def test_a_new_climb_after_a_big_drop_starts_anew() -> None:
    climb = steadiest(held(lambda t: 500.0 if t < 40 else 20 + 20 * (t - 40), 70))
    assert climb is not None
    assert climb.seconds <= 41


def test_a_few_pages_are_no_climb() -> None:
    assert steadiest(held(lambda t: 100 + t * 0.009, 100)) is None
    climb = steadiest(held(lambda t: 100 + t * 0.02, 100))
    assert climb is not None
    assert climb.rate == pytest.approx(0.02 * MIB, rel=0.05)


def test_the_first_seconds_have_no_rate() -> None:
    seconds = WARM_UP_NS // NS_PER_SECOND
    assert steadiest(held(line(100), seconds - 1)) is None
    assert steadiest(held(line(100), seconds)) is not None
    assert steadiest(HeldSeries()) is None


@pytest.mark.parametrize("every", [0.2, 1.0, 5, 30, 60])
def test_any_interval_shows_the_slope(every: float) -> None:
    climb = steadiest(held(line(3), max(20, 12 * every), every=every))
    assert climb is not None
    assert climb.rate == pytest.approx(3 * MIB, rel=0.1)


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 2**40)), min_size=1, max_size=120))
def test_any_curve_is_bounded_by_what_it_held(steps: list[tuple[int, int]]) -> None:
    series, now = HeldSeries(), 0
    for step, size in steps:
        now += step * NS_PER_SECOND // 4
        series.add(now, size)
    sizes = [size for _, size in steps]
    climb = series.climb
    assert climb is None or 0 < climb.gain_bytes <= max(sizes) - min(sizes)
    assert climb is None or climb.rate > 0


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 2**26)), min_size=2, max_size=80))
def test_the_early_exit_overlooks_no_shorter_span(steps: list[tuple[int, int]]) -> None:
    """Every span tried, as the estimate is defined, gives the same climb."""
    series, now = HeldSeries(), 0
    for step, size in steps:
        now += step * NS_PER_SECOND // 4
        series.add(now, size)
    assert series.climb == every_span(series)


def every_span(series: HeldSeries) -> SteadyClimb | None:
    floor, now = series.floor, series.now_ns
    at = floor.at
    end = now - climb_module._unsure_ns(series)
    span = min(series.age_ns, KEPT_NS)
    while span >= WARM_UP_NS:
        start = now - span
        if end - start >= WARM_UP_NS:
            values = [at(start + (end - start) * n // 9) for n in range(10)]
            if values[9] - values[0] >= MIB and values[9] != values[6]:
                climb = climb_module._fit(floor.times, floor.values, start, end - start, now)
                if climb is not None:
                    return climb
        span = int(span / 1.15)
    return None
