"""climb: a bound on the rate of a steady climb."""

from ebpftrace.judge.detectors.climb import CONDITION, ClimbDetector
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.curves import line, watched


def test_at_the_bound_and_not_below() -> None:
    samples = watched(line(10), 60)
    assert ClimbDetector(11 * MIB).verdict(samples) is None
    verdict = ClimbDetector(10 * MIB).verdict(samples)
    assert verdict is not None
    assert verdict.unit == "bytes/s"
    assert verdict.seconds_to_limit == (1024 - 620) / 10
    assert verdict.words.startswith("has climbed by 10 MiB/s for 60 s (bound 10 MiB/s)")


def test_it_must_last() -> None:
    assert (
        ClimbDetector(MIB, least_ns=30 * NS_PER_SECOND).verdict(watched(line(10), 25)) is None
    )


def test_condition() -> None:
    made = CONDITION.build(bound=MIB, window=60 * NS_PER_SECOND)
    assert made == ClimbDetector(MIB, 60 * NS_PER_SECOND)
    assert CONDITION.describe(made, "a job") == "a job climbs by 1.0 MiB/s for 1m00s"
