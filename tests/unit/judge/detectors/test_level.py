"""level: at the bound and not below it."""

import pytest

from ebpftrace.judge.condition_kind import Bound
from ebpftrace.judge.detectors.level import CONDITION, LevelDetector
from ebpftrace.judge.samples import Samples
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.curves import START_NS, line, sample, watched


def test_bytes() -> None:
    level = LevelDetector(bound_bytes=100 * MIB)
    assert level.verdict(watched(line(10, start=0), 9.5)) is None
    verdict = level.verdict(watched(line(10, start=0), 15))
    assert verdict is not None
    assert (verdict.measured, verdict.bound, verdict.unit) == (150 * MIB, 100 * MIB, "bytes")
    assert verdict.since_ns == START_NS + 10 * NS_PER_SECOND
    assert verdict.words == "holds 150 MiB (bound 100 MiB)"


def test_share_of_the_limit() -> None:
    level = LevelDetector(bound_share=0.85)
    assert level.verdict(watched(line(10, start=0), 86)) is None
    verdict = level.verdict(watched(line(10, start=0), 90))
    assert verdict is not None
    assert verdict.measured == pytest.approx(900 / 1024)
    assert verdict.since_ns == START_NS + round(87.5 * NS_PER_SECOND)
    assert "88% of the limit of 1 GiB taken (bound 85%)" in verdict.words


def test_since_counts_from_the_last_time_it_was_below() -> None:
    level = LevelDetector(bound_bytes=100 * MIB)
    verdict = level.verdict(watched(lambda t: 150.0 if t != 5 else 50.0, 10))
    assert verdict is not None
    assert verdict.since_ns == START_NS + round(5.5 * NS_PER_SECOND)


def test_without_a_limit_there_is_no_share() -> None:
    assert LevelDetector(bound_share=0.1).verdict(Samples(sample(0, 999, limit=None))) is None


def test_exactly_one_bound() -> None:
    with pytest.raises(ValueError, match="one of"):
        LevelDetector()
    with pytest.raises(ValueError, match="one of"):
        LevelDetector(bound_bytes=1, bound_share=0.5)


@pytest.mark.parametrize(
    ("bound", "made", "words"),
    [
        (Bound(0.85, True), LevelDetector(bound_share=0.85), "a job is at 85% of its limit"),
        (Bound(512 * MIB), LevelDetector(bound_bytes=512 * MIB), "a job holds 512 MiB"),
    ],
)
def test_condition(bound: Bound, made: LevelDetector, words: str) -> None:
    assert CONDITION.build(bound=bound) == made
    assert CONDITION.describe(made, "a job") == words
