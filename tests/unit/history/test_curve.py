import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.history.curve import MAX_POINTS, CurveRecorder
from ebpftrace.history.run import CurvePoint


def recorded(samples: list[tuple[float, int]]) -> CurveRecorder:
    recorder = CurveRecorder()
    for age_s, held_bytes in samples:
        recorder.add(age_s, held_bytes)
    return recorder


def test_a_short_run_is_kept_as_it_was() -> None:
    samples = [(0.1, 5), (1.1, 9), (2.1, 7)]
    assert recorded(samples).points == tuple(CurvePoint(*sample) for sample in samples)


def test_the_highest_of_a_step_stays_with_its_time() -> None:
    assert recorded([(0.0, 5), (0.1, 9), (0.2, 9), (0.24, 3)]).points == ((0.1, 9),)


@pytest.mark.parametrize("hours", [0.01, 0.1, 1, 24])
def test_a_long_run_has_at_most_64_points_and_at_least_32(hours: float) -> None:
    seconds = int(hours * 3600)
    points = recorded([(age, age) for age in range(seconds)]).points
    assert 32 <= len(points) <= MAX_POINTS
    assert points[-1] == (seconds - 1, seconds - 1)


def test_a_spike_survives_every_doubling() -> None:
    samples = [(float(age), 10) for age in range(5000)]
    samples[3] = (3.0, 999)
    recorder = recorded(samples)
    assert recorder.peak_bytes == 999
    assert recorder.points[0] == (3.0, 999)


def test_a_gap_of_hours_leaves_no_points() -> None:
    points = recorded([(1.0, 10), (36_000.0, 20)]).points
    assert points == ((1.0, 10), (36_000.0, 20))


@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 1 << 40)), max_size=300))
def test_points_are_samples_in_order_and_the_highest_is_among_them(
    samples: list[tuple[float, int]],
) -> None:
    samples.sort(key=lambda sample: sample[0])
    recorder = recorded(samples)
    points = recorder.points
    assert len(points) <= MAX_POINTS
    assert [point.age_s for point in points] == sorted(point.age_s for point in points)
    assert {tuple(point) for point in points} <= set(samples)
    assert recorder.peak_bytes == max((held for _, held in samples), default=0)
    assert max((point.held_bytes for point in points), default=0) == recorder.peak_bytes
