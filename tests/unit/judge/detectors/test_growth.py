"""growth: over the floor of the window."""

import pytest

from ebpftrace.judge.condition_kind import Bound
from ebpftrace.judge.detectors.growth import CONDITION, GrowthDetector
from ebpftrace.judge.samples import Samples
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.curves import START_NS, line, sample, watched

MINUTE = 60 * NS_PER_SECOND


def test_the_whole_sentence() -> None:
    samples = watched(line(6.5, start=100), 48, limit=2048)
    verdict = GrowthDetector(MINUTE, bound_bytes=256 * MIB).verdict(samples)
    assert verdict is not None
    assert verdict.words == (
        "gained 312 MiB in 48 s (bound 256 MiB in 60 s), anon only; "
        "at this rate the limit of 2 GiB is 4 min away"
    )
    assert verdict.measured == 312 * MIB
    assert verdict.since_ns == START_NS


def test_what_was_held_before_is_no_gain() -> None:
    growth = GrowthDetector(MINUTE, bound_bytes=100 * MIB)
    assert growth.verdict(Samples(sample(0, 900))) is None
    assert growth.verdict(watched(line(1, start=900), 99)) is None


def test_it_counts_from_the_floor_of_the_window() -> None:
    growth = GrowthDetector(10 * NS_PER_SECOND, bound_bytes=100 * MIB)
    verdict = growth.verdict(watched(lambda t: 50.0 if t == 20 else 200.0, 25))
    assert verdict is not None
    assert verdict.measured == 150 * MIB
    assert growth.verdict(watched(lambda t: 50.0 if t == 5 else 200.0, 25)) is None


def test_a_share_of_the_limit() -> None:
    growth = GrowthDetector(MINUTE, bound_share=0.25)
    assert growth.verdict(watched(line(10), 25)) is None
    assert growth.verdict(watched(line(10), 26)) is not None
    assert growth.verdict(watched(line(10), 26, limit=None)) is None


def test_what_was_held_before_a_limit_was_set_counts() -> None:
    growth = GrowthDetector(10 * MINUTE, bound_share=0.25)
    samples = Samples(sample(0, 10, limit=None))
    for second in range(1, 400):
        assert growth.verdict(samples) is None
        samples.add(sample(second, 200, limit=None))
    samples.add(sample(400, 200, limit=512))
    verdict = growth.verdict(samples)
    assert verdict is not None
    assert verdict.measured == 190 * MIB


def test_a_burst_above_a_climb_names_the_rate_of_the_climb() -> None:
    """One estimate of when the limit is reached, whatever the gain of the window was."""
    samples = watched(lambda t: 20 + 10 * t + (100 if t > 59 else 0), 60, limit=2048)
    verdict = GrowthDetector(MINUTE // 6, bound_bytes=150 * MIB).verdict(samples)
    assert verdict is not None
    assert "; at its steady 10 MiB/s the limit of 2 GiB is 2 min away" in verdict.words
    assert verdict.seconds_to_limit == samples.trend.seconds_to_limit


def test_the_sentence_names_the_kind_of_memory() -> None:
    samples = Samples(sample(0, 50))
    samples.add(sample(1, 50, shmem=200))
    verdict = GrowthDetector(MINUTE, bound_bytes=100 * MIB).verdict(samples)
    assert verdict is not None
    assert ", shmem only" in verdict.words
    samples.add(sample(2, 250, shmem=200))
    verdict = GrowthDetector(MINUTE, bound_bytes=100 * MIB).verdict(samples)
    assert verdict is not None
    assert ", anon and shmem" in verdict.words


@pytest.mark.parametrize(
    ("bound", "made", "words"),
    [
        (Bound(256 * MIB), GrowthDetector(MINUTE, 256 * MIB), "a job gains 256 MiB in 1m00s"),
        (
            Bound(0.125, True),
            GrowthDetector(MINUTE, None, 0.125),
            "a job gains 12.5% of its limit in 1m00s",
        ),
    ],
)
def test_condition(bound: Bound, made: GrowthDetector, words: str) -> None:
    assert CONDITION.build(bound=bound, window=MINUTE) == made
    assert CONDITION.describe(made, "a job") == words
