import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.ledger.curve import LONGEST_NS, Curve, CurveKeeper, evidence_points, floor_at
from ebpftrace.units import NS_PER_SECOND

MINUTE = 60 * NS_PER_SECOND


def kept(*samples: tuple[float, int]) -> Curve:
    keeper = CurveKeeper()
    for seconds, held in samples:
        keeper.add(round(seconds * NS_PER_SECOND), held)
    return keeper.curve()


def test_an_empty_curve_has_no_buckets() -> None:
    assert Curve().buckets(MINUTE) == (1, [])
    assert CurveKeeper().curve() == Curve()


def test_a_bucket_keeps_its_lowest_and_highest() -> None:
    curve = kept((10.0, 5), (10.2, 9), (10.4, 1), (10.6, 4), (11.0, 7))
    # The second begins with what was held when the first ended.
    assert curve.buckets(MINUTE) == (1, [(1, 9), (4, 7)])
    assert curve.buckets(LONGEST_NS) == (5, [(1, 9)])


def test_a_gap_is_filled_with_what_was_held() -> None:
    curve = kept((10, 3), (14, 8))
    assert curve.buckets(MINUTE) == (1, [(3, 3), (3, 3), (3, 3), (3, 3), (3, 8)])
    curve = kept((10, 3), (10_000, 8))
    assert curve.buckets(MINUTE)[1] == [(3, 3)] * 59 + [(3, 8)]
    assert curve.buckets(LONGEST_NS)[1] == [(3, 3)] * 179 + [(3, 8)]


def test_it_is_bounded_and_windows_cut_it() -> None:
    curve = kept(*((second, second) for second in range(5000)))
    assert len(curve.buckets(MINUTE)[1]) == 60
    assert curve.buckets(MINUTE)[1][-1] == (4998, 4999)
    assert len(curve.buckets(5 * MINUTE)[1]) == 60
    assert len(curve.buckets(LONGEST_NS)[1]) == 180
    assert len(curve.fine) + len(curve.coarse) == 16 * (59 + 179)


def test_evidence_has_seconds_for_a_minute_and_five_seconds_before_it() -> None:
    held = kept(*((second, second) for second in range(2000)))
    charged = kept(*((second, 9000 + second) for second in range(2000)))
    points = evidence_points(held, charged)
    fine = [(second * NS_PER_SECOND, second, 9000 + second) for second in range(1940, 2000)]
    coarse = [
        (second * NS_PER_SECOND, second + 4, 9000 + second + 4)
        for second in range(1100, 1940, 5)
    ]
    assert list(points) == coarse + fine


def test_evidence_of_a_young_job_has_a_point_a_second() -> None:
    young = kept((13, 4), (14, 8), (16, 2))
    times = [(at // NS_PER_SECOND, held) for at, held, _ in evidence_points(young, young)]
    assert times == [(13, 4), (14, 8), (15, 8), (16, 8)]
    assert evidence_points(Curve(), Curve()) == ()


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 1 << 40)), min_size=1))
def test_no_value_is_lost_or_invented(steps: list[tuple[int, int]]) -> None:
    keeper, now, samples = CurveKeeper(), 0, []
    for step_ms, held in steps:
        now += step_ms * 1_000_000
        keeper.add(now, held)
        samples.append((now, held))
    buckets = keeper.curve().buckets(LONGEST_NS)[1]
    recent = [held for at, held in samples if at > now - LONGEST_NS + 5 * NS_PER_SECOND]
    assert max(high for _, high in buckets) >= max(recent)
    assert min(low for low, _ in buckets) <= min(recent)
    every = {held for _, held in samples}
    assert {value for pair in buckets for value in pair} <= every
    assert buckets[-1][0] <= samples[-1][1] <= buckets[-1][1]


@given(
    st.lists(st.tuples(st.sampled_from([200, 1000, 9000, 70_000]), st.integers(1, 2))),
    st.integers(0, 300),
)
def test_rest_is_kept_as_movement_is(steps: list[tuple[int, int]], rest: int) -> None:
    """Against buckets that are made of every sample."""
    keeper, now, held = CurveKeeper(), 0, 1
    lowest, highest = dict[int, int](), dict[int, int]()
    for step_ms, wanted in [(0, 1), *steps, *[(1000, 1)] * rest]:
        for second in range(now // 1000, (now + step_ms) // 1000 + 1):
            lowest[second] = min(lowest.get(second, held), held)
            highest[second] = max(highest.get(second, held), held)
        now, held = now + step_ms, wanted
        keeper.add(now * 1_000_000, held)
        lowest[now // 1000] = min(lowest[now // 1000], held)
        highest[now // 1000] = max(highest[now // 1000], held)
    last = now // 1000
    every = [(lowest[second], highest[second]) for second in range(last + 1)]
    assert keeper.curve().buckets(MINUTE)[1] == every[-60:]
    fives = [every[first : first + 5] for first in range(0, last + 1, 5)]
    coarse = [(min(low for low, _ in part), max(high for _, high in part)) for part in fives]
    assert keeper.curve().buckets(LONGEST_NS)[1] == coarse[-180:]


def test_lifting_shifts_every_value() -> None:
    lifted, other = CurveKeeper(), CurveKeeper()
    lifted.lift(5)  # nothing was noted yet
    for second in range(200):
        lifted.add(second * NS_PER_SECOND, second % 7)
        other.add(second * NS_PER_SECOND, second % 7 + 100)
    lifted.lift(100)
    assert lifted.curve() == other.curve()


@pytest.mark.parametrize(
    ("back", "within"), [(0, 1), (1, 0), (30, 0), (59, 0), (100, 5), (800, 5)]
)
def test_the_value_at_a_moment(back: int, within: int) -> None:
    """To a second in the last minute, and to five before it."""
    curve = kept(*((second, second) for second in range(1001)))
    found = floor_at(curve, (1000 - back) * NS_PER_SECOND)
    assert found is not None
    assert abs(found - (1000 - back)) <= within


def test_of_a_moment_before_all_that_is_kept_the_oldest_value_counts() -> None:
    curve = kept(*((second, second) for second in range(2001)))
    assert floor_at(curve, 0) == 1105 - 1  # a bucket begins with the value before it


def test_there_is_no_value_before_the_curve() -> None:
    assert floor_at(Curve(), 0) is None
    curve = kept((50, 1), (52, 2), (53, 9))
    assert floor_at(curve, 40 * NS_PER_SECOND) is None
    assert floor_at(curve, 50 * NS_PER_SECOND) == 1
    assert floor_at(curve, 53 * NS_PER_SECOND) == 2


def test_a_fall_within_a_second_is_its_value() -> None:
    curve = kept((10, 300), (11, 300), (11.5, 20), (12, 40), (15, 90))
    assert floor_at(curve, 11 * NS_PER_SECOND) == 20


@pytest.mark.parametrize("rest", [0, 1, 4, 5, 59, 61, 299, 899, 901, 5000])
def test_curve_of_an_earlier_snapshot_is_extended(rest: int) -> None:
    keeper, other = CurveKeeper(), CurveKeeper()
    for second in range(100):
        for one in (keeper, other):
            one.add(second * NS_PER_SECOND, 100 + second % 7)
    earlier = keeper.curve()
    for second in range(100, 100 + rest):
        other.add(second * NS_PER_SECOND, earlier.last)
    assert earlier.until((99 + rest) * NS_PER_SECOND) == other.curve()


def test_curve_without_a_value_stays_empty() -> None:
    assert Curve().until(NS_PER_SECOND) == Curve()


def test_value_after_the_curve_is_its_latest() -> None:
    keeper = CurveKeeper()
    for value in (9, 3, 5):
        keeper.add(7 * NS_PER_SECOND, value)
    assert floor_at(keeper.curve(), 7 * NS_PER_SECOND) == 3
    assert floor_at(keeper.curve(), 9 * NS_PER_SECOND) == 5
