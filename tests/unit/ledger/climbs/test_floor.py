"""The floor against its definition: the lowest value from a time until now."""

from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.ledger.climbs.floor import COARSE_NS, FINE_NS, GRAIN, KEPT_NS, MAX_STEPS, Floor
from ebpftrace.units import NS_PER_SECOND


@given(st.lists(st.integers(0, 50), min_size=1, max_size=200), st.integers(0, 220))
def test_it_is_the_lowest_value_since(values: list[int], at: int) -> None:
    floor = Floor()
    for second, value in enumerate(values):
        floor.add(second, value)
    assert floor.at(at) == min(values[at:], default=values[-1])


def test_a_fall_returns_since_when_the_curve_was_above() -> None:
    floor = Floor()
    for second, value in enumerate((10, 20, 30)):
        assert floor.add(second, value) is None
    assert floor.add(3, 15) == 1


def test_equal_values_move_the_lowest_forward() -> None:
    floor = Floor()
    for second, value in enumerate((10, 20, 10, 20)):
        floor.add(second, value)
    assert floor.step(0) == (2, 10)


def test_it_is_bounded_and_right_within_its_grain() -> None:
    floor = Floor()
    seconds = 8 * 3600
    for half in range(seconds * 2):
        floor.add(half * NS_PER_SECOND // 2, half)
    now = (seconds * 2 - 1) * NS_PER_SECOND // 2
    assert len(floor) <= MAX_STEPS
    assert floor.at(now - FINE_NS) == (now - FINE_NS) * 2 // NS_PER_SECOND
    for minutes in (3, 10, 60, 300):
        age = minutes * 60 * NS_PER_SECOND
        grain = max(COARSE_NS, 2 * age // GRAIN)
        error = floor.at(now - age) - (now - age) * 2 // NS_PER_SECOND
        assert 0 <= error <= grain * 2 // NS_PER_SECOND + 1
    assert floor.at(0) <= (now - KEPT_NS) * 2 // NS_PER_SECOND + 1


def test_samples_closer_than_expected_are_bounded_too() -> None:
    floor = Floor()
    for step in range(5000):
        floor.add(step * NS_PER_SECOND // 100, step)
    assert len(floor) <= MAX_STEPS
    assert floor.at(2**62) == 4999
