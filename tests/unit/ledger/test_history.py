"""Curves as recorded programs show them, drawn with a sample a second."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.ledger.history import History
from ebpftrace.ledger.snapshot import Growth
from ebpftrace.units import KIB, MIB, NS_PER_SECOND


def curve(
    held: Callable[[float], float], seconds: float, every: float = 1.0, since: float = 5_000
) -> History:
    """The history of `held(t)` MiB, sampled from 0 to `seconds`."""
    history = History()
    for step in range(round(seconds / every) + 1):
        at = step * every
        history.add(round((since + at) * NS_PER_SECOND), round(held(at) * MIB))
    return history


def test_without_a_sample_there_is_no_growth() -> None:
    assert History().growth() == Growth()
    assert History().total_bytes == 0


def test_one_sample_is_no_growth_either() -> None:
    assert curve(lambda _: 500, 0).growth() == Growth()


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


def test_what_shrinks_has_negative_growth() -> None:
    growth = curve(lambda t: 200 - t, 80).growth()
    assert growth == Growth(-10 * MIB, -60 * MIB, -80 * MIB, -MIB)


def test_a_flat_curve_has_no_rate() -> None:
    assert curve(lambda _: 300, 120).growth() == Growth()


@pytest.mark.parametrize("seconds", [9, 12, 20, 45, 60, 61, 100, 400])
@pytest.mark.parametrize("every", [0.2, 0.5, 1.0])
def test_a_straight_climb_has_its_true_slope_at_any_age(seconds: float, every: float) -> None:
    rate = curve(lambda t: 50 + 3 * t, seconds, every).growth().bytes_per_second
    assert rate == pytest.approx(3 * MIB, rel=0.1)


@pytest.mark.parametrize("every", [5, 15, 30, 45, 60, 90])
def test_a_slow_interval_sees_the_slope_too(every: float) -> None:
    rate = curve(lambda t: 50 + 3 * t, 6 * every, every).growth().bytes_per_second
    assert rate == pytest.approx(3 * MIB, rel=0.01)


def test_warming_up_has_no_rate() -> None:
    climb = lambda t: 200 * t  # noqa: E731
    assert curve(climb, 8).growth().bytes_per_second == 0
    assert curve(climb, 9).growth().bytes_per_second > 0


@pytest.mark.parametrize("period", [2, 3, 5, 7, 11, 16])
def test_a_sawtooth_shorter_than_twenty_seconds_hardly_has_a_rate(period: int) -> None:
    teeth = [
        curve(lambda t: 100 + 400 * (t % period) / period, seconds).growth()
        for seconds in range(60, 60 + 2 * period)
    ]
    assert {growth.bytes_per_second for growth in teeth} == {0}


def test_a_leak_under_a_sawtooth_shows_its_own_slope() -> None:
    leak = curve(lambda t: 100 + 2 * t + 300 * (t % 5) / 5, 120).growth()
    assert leak.bytes_per_second == pytest.approx(2 * MIB, rel=0.05)


def test_a_plateau_after_a_burst_has_no_rate_after_two_thirds_of_a_window() -> None:
    def burst(t: float) -> float:
        return min(2000.0, 200 * t)

    assert curve(burst, 20).growth().bytes_per_second > 0
    for seconds in (50, 51, 60, 69, 70, 90):
        growth = curve(burst, seconds).growth()
        assert growth.bytes_per_second == 0, seconds
    assert growth.bytes_total == 2000 * MIB


def test_a_change_of_less_than_a_byte_a_second_is_none() -> None:
    history = History()
    for at in range(61):
        history.add(at * NS_PER_SECOND, MIB - at // 20)
    assert history.growth().bytes_per_second == 0


def test_many_samples_a_second_replace_each_other_but_the_last_counts() -> None:
    history = curve(lambda t: 100 + t, 100, every=0.01)
    growth = history.growth()
    assert growth.bytes_10s == pytest.approx(10 * MIB, rel=0.02)
    assert growth.bytes_60s == pytest.approx(60 * MIB, rel=0.01)
    assert growth.bytes_total == 100 * MIB
    assert growth.bytes_per_second == pytest.approx(MIB, rel=0.02)
    assert len(history) <= 330


def test_a_sample_that_comes_late_counts_as_of_the_last() -> None:
    history = curve(lambda t: 100 + t, 20)
    history.add(5_000 * NS_PER_SECOND, 300 * MIB)
    growth = history.growth()
    assert growth.bytes_total == 200 * MIB
    assert growth.bytes_10s == 190 * MIB


def test_after_a_restart_only_the_total_looks_back() -> None:
    history = curve(lambda t: 100 + t, 60)
    history.restart()
    assert history.growth() == Growth()
    history.add(7_000 * NS_PER_SECOND, 40 * MIB)
    history.add(7_001 * NS_PER_SECOND, 42 * MIB)
    assert history.growth() == Growth(2 * MIB, 2 * MIB, -58 * MIB, 0)


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
    assert abs(growth.bytes_per_second) <= spread / 1.5  # half a third of 9 s


@given(st.integers(0, 2**44), st.integers(1, 3 * KIB), st.floats(0.2, 5.0))
def test_a_longer_wait_changes_no_flat_curve(held: int, seconds: int, every: float) -> None:
    flat = curve(lambda _: held / MIB, min(seconds, 200 * every), every)
    assert flat.growth() == Growth()
