"""Curves as recorded programs show them, drawn with a sample a second."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.ledger.growth import GrowthWindow
from ebpftrace.ledger.snapshot import GrowthRates
from ebpftrace.units import KIB, MIB, NS_PER_SECOND

Curve = Callable[[float], float]  # MiB held, by second


def curve(
    held: Curve, seconds: float, every: float = 1.0, since: float = 5_000
) -> GrowthWindow:
    """The history of `held(t)` MiB, sampled from 0 to `seconds`."""
    history = GrowthWindow()
    for step in range(round(seconds / every) + 1):
        at = step * every
        history.add(round((since + at) * NS_PER_SECOND), round(held(at) * MIB))
    return history


def test_without_a_sample_there_is_no_growth() -> None:
    assert GrowthWindow().growth() == GrowthRates()
    assert GrowthWindow().total_bytes == 0


def test_one_sample_is_no_growth_either() -> None:
    assert curve(lambda _: 500, 0).growth() == GrowthRates()


def test_the_windows_of_a_climb_of_one_mib_a_second() -> None:
    history = curve(lambda t: 100 + t, 90)
    growth = history.growth()
    assert growth.bytes_10s == 10 * MIB
    assert growth.bytes_60s == 60 * MIB
    assert growth.bytes_total == 90 * MIB
    assert history.growth(3 * MIB).bytes_per_second == 3 * MIB


def test_a_curve_younger_than_a_window_counts_from_its_first_sample() -> None:
    growth = curve(lambda t: 100 + t, 5).growth()
    assert (growth.bytes_10s, growth.bytes_60s, growth.bytes_total) == (5 * MIB,) * 3
    growth = curve(lambda t: 100 + t, 30).growth()
    assert (growth.bytes_10s, growth.bytes_60s) == (10 * MIB, 30 * MIB)


def test_what_shrinks_has_negative_growth() -> None:
    growth = curve(lambda t: 200 - t, 80).growth()
    assert growth == GrowthRates(-10 * MIB, -60 * MIB, -80 * MIB, 0)


def test_a_flat_curve_has_no_growth_unless_it_has_a_rate() -> None:
    flat = curve(lambda _: 300, 120)
    assert flat.growth() == GrowthRates()
    assert flat.growth(7) == GrowthRates(0, 0, 0, 7)  # it climbed before the last minute


@pytest.mark.parametrize("every", [5, 15, 30, 45, 60, 90])
def test_a_window_is_longer_where_readings_are_rarer(every: float) -> None:
    line: Curve = lambda t: 50 + 3 * t  # noqa: E731
    growth = curve(line, 12 * every, every).growth()
    assert growth.bytes_60s == pytest.approx(3 * MIB * every * -(-60 // every), rel=0.01)


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
    assert len(history) <= 242


def test_a_sample_that_comes_late_counts_as_of_the_last() -> None:
    history = curve(lambda t: 100 + t, 20)
    history.add(5_000 * NS_PER_SECOND, 300 * MIB)
    growth = history.growth()
    assert growth.bytes_total == 200 * MIB
    assert growth.bytes_10s == 190 * MIB


def test_the_gain_of_the_last_two_seconds() -> None:
    assert GrowthWindow().recent_bytes == 0
    assert curve(lambda t: 100 + t, 30).recent_bytes == 2 * MIB
    assert curve(lambda t: 100 + min(t, 5), 30).recent_bytes == 0
    assert curve(lambda t: 0 if t < 29.5 else 80, 30, every=0.5).recent_bytes == 80 * MIB


def test_what_is_younger_than_two_seconds_gained_since_its_start() -> None:
    assert curve(lambda t: 10 + 60 * t, 1, every=0.25).recent_bytes == 60 * MIB


def test_where_readings_are_rare_the_last_one_counts() -> None:
    assert curve(lambda t: t, 120, every=60).recent_bytes == 60 * MIB


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
    history, now = GrowthWindow(), 0
    for step, held in steps:
        now += step
        history.add(now, held)
    values = [held for _, held in steps]
    spread = max(values) - min(values)
    growth = history.growth()
    assert growth.bytes_total == values[-1] - values[0]
    assert abs(growth.bytes_10s) <= spread
    assert abs(growth.bytes_60s) <= spread


@given(st.integers(0, 2**44), st.integers(1, 3 * KIB), st.floats(0.2, 5.0))
def test_a_longer_wait_changes_no_flat_curve(held: int, seconds: int, every: float) -> None:
    flat = curve(lambda _: held / MIB, min(seconds, 200 * every), every)
    assert flat.growth() == GrowthRates()


MOVES = st.lists(
    st.tuples(st.sampled_from([10**7, 10**8, 3 * 10**8, 10**9, 7 * 10**9]), st.integers(0, 3)),
    min_size=1,
    max_size=150,
)


@given(MOVES)
def test_a_slot_that_is_not_kept_makes_no_difference(moves: list[tuple[int, int]]) -> None:
    history, now, slots = GrowthWindow(), 0, list[tuple[int, int]]()
    for step, held in moves:
        now += step
        history.add(now, held)
        if len(slots) > 1 and now - slots[-1][0] < NS_PER_SECOND // 4:
            slots[-1] = (slots[-1][0], held)
        else:
            slots.append((now, held))
        last, first = slots[-1][0], slots[0][1]

        def gain(seconds: int, last: int = last, held: int = held) -> int:
            before = [value for at, value in slots if at <= last - seconds * NS_PER_SECOND]
            return held - (before[-1] if before else slots[0][1])

        assert history.growth() == GrowthRates(gain(10), gain(60), held - first)
        assert history.recent_bytes == gain(2)
    assert len(history) <= 243


def test_at_rest_two_slots_are_kept() -> None:
    moved = curve(lambda t: min(t, 50), 50)
    assert len(moved) > 40
    for second in range(51, 200):
        moved.add((5_000 + second) * NS_PER_SECOND, 50 * MIB)
    assert len(moved) == 2
