"""Curves as recorded programs show them, drawn with a sample a second."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.ledger.history import History
from ebpftrace.ledger.snapshot import GrowthRates
from ebpftrace.units import KIB, MIB, NS_PER_SECOND

Curve = Callable[[float], float]  # MiB held, by second


def curve(held: Curve, seconds: float, every: float = 1.0, since: float = 5_000) -> History:
    """The history of `held(t)` MiB, sampled from 0 to `seconds`."""
    history = History()
    for step in range(round(seconds / every) + 1):
        at = step * every
        history.add(round((since + at) * NS_PER_SECOND), round(held(at) * MIB))
    return history


def rate(held: Curve, seconds: float, every: float = 1.0) -> int:
    """What is told at its end."""
    return curve(held, seconds, every).growth().bytes_per_second


def rates(held: Curve, seconds: int) -> set[int]:
    """All that is ever told."""
    history = History()
    told = set()
    for at in range(seconds):
        history.add(at * NS_PER_SECOND, round(held(at) * MIB))
        told.add(history.growth().bytes_per_second)
    return told


def test_without_a_sample_there_is_no_growth() -> None:
    assert History().growth() == GrowthRates()
    assert History().total_bytes == 0


def test_one_sample_is_no_growth_either() -> None:
    assert curve(lambda _: 500, 0).growth() == GrowthRates()


def test_the_windows_of_a_climb_of_one_mib_a_second() -> None:
    growth = curve(lambda t: 100 + t, 90).growth()
    assert growth.bytes_10s == 10 * MIB
    assert growth.bytes_60s == 60 * MIB
    assert growth.bytes_total == 90 * MIB
    assert growth.bytes_per_second == MIB


def test_a_curve_younger_than_a_window_counts_from_its_first_sample() -> None:
    growth = curve(lambda t: 100 + t, 5).growth()
    assert (growth.bytes_10s, growth.bytes_60s, growth.bytes_total) == (5 * MIB,) * 3
    growth = curve(lambda t: 100 + t, 30).growth()
    assert (growth.bytes_10s, growth.bytes_60s) == (10 * MIB, 30 * MIB)


def test_what_shrinks_has_negative_growth_and_no_rate() -> None:
    growth = curve(lambda t: 200 - t, 80).growth()
    assert growth == GrowthRates(-10 * MIB, -60 * MIB, -80 * MIB, 0)


def test_a_flat_curve_has_no_rate() -> None:
    assert curve(lambda _: 300, 120).growth() == GrowthRates()


@pytest.mark.parametrize("seconds", [16, 20, 45, 60, 61, 100, 400])
@pytest.mark.parametrize("every", [0.2, 0.5, 1.0])
def test_a_straight_climb_has_its_true_slope_at_any_age(seconds: float, every: float) -> None:
    assert rate(lambda t: 50 + 3 * t, seconds, every) == pytest.approx(3 * MIB, rel=0.1)


@pytest.mark.parametrize("every", [5, 15, 30, 45, 60, 90])
def test_a_slow_interval_sees_the_slope_too(every: float) -> None:
    line: Curve = lambda t: 50 + 3 * t  # noqa: E731
    assert rate(line, 12 * every, every) == pytest.approx(3 * MIB, rel=0.01)
    growth = curve(line, 12 * every, every).growth()
    assert growth.bytes_60s == pytest.approx(3 * MIB * every * -(-60 // every), rel=0.01)


def test_warming_up_has_no_rate() -> None:
    assert rate(lambda t: 200 * t, 14) == 0
    assert rate(lambda t: 200 * t, 15) > 0


@pytest.mark.parametrize("period", [2.3, 3, 5, 6, 7, 11, 13])
def test_a_sawtooth_has_no_rate(period: float) -> None:
    saw: Curve = lambda t: 40 + 120 * (t % period) / period  # noqa: E731
    assert rates(saw, 180) == {0}


@pytest.mark.parametrize("period", [16, 20, 25])
def test_a_slow_sawtooth_has_none_from_its_first_trough_on(period: int) -> None:
    """Nothing tells its first tooth from a climb."""
    saw: Curve = lambda t: 40 + 120 * (t % period) / period  # noqa: E731
    assert max(rates(saw, period)) == pytest.approx(120 * MIB / period, rel=0.01)
    assert {rate(saw, seconds) for seconds in range(period, 180)} == {0}


def test_a_leak_under_a_sawtooth_shows_its_own_slope() -> None:
    told = rate(lambda t: 100 + 2 * t + 300 * (t % 5) / 5, 120)
    assert told == pytest.approx(2 * MIB, rel=0.15)


@pytest.mark.parametrize("begin", [40, 90, 93, 97])
def test_a_burst_of_eight_seconds_never_has_a_rate(begin: int) -> None:
    burst: Curve = lambda t: 100 + 200 * min(8.0, max(0.0, t - begin))  # noqa: E731
    assert rates(burst, 200) == {0}
    growth = curve(burst, begin + 9).growth()
    assert growth.bytes_10s == growth.bytes_total == 1600 * MIB


def test_a_plateau_after_a_start_has_no_rate_once_it_is_two_thirds_of_the_curve() -> None:
    load: Curve = lambda t: 100 * min(20.0, t)  # noqa: E731
    assert rate(load, 20) > 0
    assert {rate(load, seconds) for seconds in range(64, 200)} == {0}


def test_a_drop_starts_anew() -> None:
    drop: Curve = lambda t: 1000 + 2 * t if t < 100 else 50 + 2 * (t - 100)  # noqa: E731
    assert rate(drop, 99) == pytest.approx(2 * MIB, rel=0.01)
    assert min(rates(drop, 200)) == 0
    assert rate(drop, 101) == 0
    assert rate(drop, 161) == pytest.approx(2 * MIB, rel=0.1)


@pytest.mark.parametrize("pause", [5, 10])
def test_a_leak_that_pauses_is_a_climb(pause: int) -> None:
    """Twenty seconds of 3 MiB/s, then a pause, over and over."""
    round_s = 20 + pause

    def leak(t: float) -> float:
        return 100 + 60 * (t // round_s) + 3 * min(20.0, t % round_s)

    told = [rate(leak, seconds) for seconds in range(60, 200)]
    assert min(told) >= MIB
    assert max(told) <= 3 * MIB


def test_a_few_pages_are_no_climb() -> None:
    assert rates(lambda t: 100 + t * 0.0009, 120) == {0}
    assert rate(lambda t: 100 + t * 0.004, 120) > 0


def test_what_was_there_all_along_is_no_growth() -> None:
    history = curve(lambda t: 100 + t, 30)
    before = history.growth()
    history.lift(500 * MIB)
    assert history.growth() == before
    history.add(5_031 * NS_PER_SECOND, 631 * MIB)
    assert history.growth().bytes_total == 31 * MIB


def test_many_samples_a_second_replace_each_other_but_the_last_counts() -> None:
    history = curve(lambda t: 100 + t, 100, every=0.01)
    growth = history.growth()
    assert growth.bytes_10s == pytest.approx(10 * MIB, rel=0.03)
    assert growth.bytes_60s == pytest.approx(60 * MIB, rel=0.01)
    assert growth.bytes_total == 100 * MIB
    assert growth.bytes_per_second == pytest.approx(MIB, rel=0.02)
    assert len(history) <= 242


def test_a_sample_that_comes_late_counts_as_of_the_last() -> None:
    history = curve(lambda t: 100 + t, 20)
    history.add(5_000 * NS_PER_SECOND, 300 * MIB)
    growth = history.growth()
    assert growth.bytes_total == 200 * MIB
    assert growth.bytes_10s == 190 * MIB


def test_after_a_restart_only_the_total_looks_back() -> None:
    history = curve(lambda t: 100 + t, 60)
    history.restart()
    assert history.growth() == GrowthRates()
    history.add(7_000 * NS_PER_SECOND, 40 * MIB)
    history.add(7_001 * NS_PER_SECOND, 42 * MIB)
    assert history.growth() == GrowthRates(2 * MIB, 2 * MIB, -58 * MIB, 0)


@given(
    st.lists(
        st.tuples(st.integers(-(10**9), 3 * 10**10), st.integers(0, 2**40)),
        min_size=1,
        max_size=120,
    )
)
def test_any_curve_is_bounded_by_what_it_held(steps: list[tuple[int, int]]) -> None:
    history, now = History(), 0
    for step, held in steps:
        now += step
        history.add(now, held)
    values = [held for _, held in steps]
    spread = max(values) - min(values)
    growth = history.growth()
    assert growth.bytes_total == values[-1] - values[0]
    assert abs(growth.bytes_10s) <= spread
    assert abs(growth.bytes_60s) <= spread
    assert 0 <= growth.bytes_per_second <= spread


@given(st.integers(0, 2**44), st.integers(1, 3 * KIB), st.floats(0.2, 5.0))
def test_a_longer_wait_changes_no_flat_curve(held: int, seconds: int, every: float) -> None:
    flat = curve(lambda _: held / MIB, min(seconds, 200 * every), every)
    assert flat.growth() == GrowthRates()
