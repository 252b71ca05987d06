"""time_to_limit: a projection at the rate of the climb."""

from ebpftrace.judge.detectors.time_to_limit import CONDITION, TimeToLimitDetector
from ebpftrace.units import NS_PER_SECOND
from tests.support.curves import line, teeth, watched


def test_at_the_bound_and_not_before() -> None:
    samples = watched(line(10), 60)  # 404 MiB are left
    assert TimeToLimitDetector(40).verdict(samples) is None
    verdict = TimeToLimitDetector(41).verdict(samples)
    assert verdict is not None
    assert (verdict.measured, verdict.unit) == (40.4, "seconds")
    assert verdict.words.endswith("at this rate the limit of 1 GiB is 40 s away")


def test_without_a_limit_or_a_climb_there_is_none() -> None:
    assert TimeToLimitDetector(1e9).verdict(watched(line(10), 60, limit=None)) is None
    assert TimeToLimitDetector(1e9).verdict(watched(teeth(100, 5), 60)) is None


def test_condition() -> None:
    made = CONDITION.build(bound=90 * NS_PER_SECOND)
    assert made == TimeToLimitDetector(90.0)
    words = "a job climbs and is 1m30s from its limit"
    assert CONDITION.describe(made, "a job") == words
