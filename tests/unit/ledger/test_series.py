"""Teeth, dips, and samples that come too soon."""

from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.ledger.climbs.climb import steadiest
from ebpftrace.ledger.series import DIP_NS, HeldSeries
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.curves import held, line, teeth


def test_samples_that_come_too_soon_are_skipped() -> None:
    series = HeldSeries()
    assert series.add(0, 10 * MIB)
    assert not series.add(NS_PER_SECOND // 10, 20 * MIB)
    assert series.held_bytes == 10 * MIB
    assert series.add(NS_PER_SECOND // 4, 20 * MIB)
    assert series.held_bytes == 20 * MIB


def test_a_tooth_is_as_long_as_it_lasted() -> None:
    series = held(teeth(100, 10), 45)
    assert 8 <= series.tooth_ns / NS_PER_SECOND <= 10
    assert series.peak_before_bytes == 145 * MIB
    assert held(lambda t: 50 + t % 2, 45).tooth_ns == 0


def test_teeth_are_forgotten() -> None:
    series = held(lambda t: 100.0 if t < 10 else 20.0, 400, every=1)
    assert series.tooth_ns == 0
    assert series.peak_before_bytes == 0


def test_a_dip_between_two_short_children_is_filled() -> None:
    series = held(lambda t: 0.0 if t == 20 else 100 + t, 30)
    assert series.floor.at(series.now_ns - 25 * NS_PER_SECOND) > 100 * MIB


def test_age_counts_from_the_first_sample() -> None:
    assert held(line(1), 12).age_ns == 12 * NS_PER_SECOND


STEPS = st.tuples(
    st.sampled_from([NS_PER_SECOND // 4, NS_PER_SECOND, 50 * NS_PER_SECOND]),
    st.integers(0, 4) | st.just(2),
    st.integers(1, 9),  # how often
)


@given(st.lists(STEPS, min_size=1, max_size=20))
def test_rest_is_judged_as_movement_is(steps: list[tuple[int, int, int]]) -> None:
    """Against the floor and the teeth that follow from every sample."""
    series, now, samples, filled = HeldSeries(), 0, list[tuple[int, int]](), list[int]()
    teeth: list[tuple[int, int]] = []
    for step, mib, often in steps:
        for _ in range(often):
            now += step
            series.add(now, mib * MIB)
            samples.append((now, mib * MIB))
            filled.append(max(held for at, held in samples if at >= now - DIP_NS))
            if tooth := _tooth(samples, filled, teeth):
                teeth.append(tooth)
            floor = [min(filled[index:]) for index in range(len(filled))]
            assert [series.floor.at(at) for at, _ in samples] == floor
            lately = [ns for fell, ns in teeth if fell >= now - 180 * NS_PER_SECOND]
            assert series.tooth_ns == max(lately, default=0)
            assert bool(series.peak_before_bytes) == bool(lately)
            assert series.climb == steadiest(series)


def _tooth(
    samples: list[tuple[int, int]], filled: list[int], teeth: list[tuple[int, int]]
) -> tuple[int, int] | None:
    """When the last sample ended a tooth, and how long it had lasted."""
    *before, last = filled
    if not before or before[-1] - last <= before[-1] * 0.05:
        return None
    above = next(
        samples[index][0]
        for index, held in enumerate(before)
        if held >= last and held < min(before[index + 1 :], default=held + 1)
    )
    now = samples[-1][0]
    fell = [at for at, _ in teeth if at >= samples[-2][0] - 180 * NS_PER_SECOND]
    return now, now - max(above, fell[-1] if fell else above)
