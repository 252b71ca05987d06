"""Every condition that a policy can write has its detector, and bytes until its bound."""

import pytest

from ebpftrace.act.policy.conditions import BUILTIN, bytes_away, detector_of, look_every_ns
from ebpftrace.act.policy.keys import CONDITIONS
from ebpftrace.act.policy.policy import Condition, Match, Mode, Policy
from ebpftrace.judge.climb import ClimbDetector
from ebpftrace.judge.growth import GrowthDetector
from ebpftrace.judge.level import LevelDetector
from ebpftrace.judge.oom import OomDetector
from ebpftrace.judge.thrash import ThrashDetector
from ebpftrace.judge.time_to_limit import TimeToLimitDetector
from ebpftrace.judge.verdict import Detector
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.curves import line, watched

MINUTE = 60 * NS_PER_SECOND


@pytest.mark.parametrize(
    ("condition", "detector"),
    [
        (Condition("level", 0.85, share=True), LevelDetector(bound_share=0.85)),
        (Condition("level", 1.5 * MIB), LevelDetector(bound_bytes=3 * MIB // 2)),
        (Condition("growth", 256 * MIB, window_ns=MINUTE), GrowthDetector(MINUTE, 256 * MIB)),
        (
            Condition("growth", 0.5, share=True, window_ns=MINUTE),
            GrowthDetector(MINUTE, None, 0.5),
        ),
        (Condition("climb", MIB, window_ns=MINUTE), ClimbDetector(MIB, MINUTE)),
        (Condition("time_to_limit", 90.0), TimeToLimitDetector(90.0)),
        (Condition("thrash"), ThrashDetector()),
        (Condition("oom"), OomDetector()),
        (Condition("builtin"), None),
    ],
)
def test_a_condition_has_its_detector(condition: Condition, detector: Detector | None) -> None:
    made = detector_of(condition)
    assert made == detector
    assert made is None or made.name == condition.detector


def test_none_is_without() -> None:
    assert [name for name in CONDITIONS if detector_of(Condition(name)) is None] == [BUILTIN]


@pytest.mark.parametrize(
    ("condition", "limit", "away"),
    [
        (Condition("level", 300 * MIB), 1000, 200 * MIB),
        (Condition("level", 60 * MIB), 1000, -40 * MIB),
        (Condition("level", 0.8, share=True), 1000, 700 * MIB),
        (Condition("level", 0.8, share=True), None, None),
        (Condition("growth", 50 * MIB, window_ns=10 * NS_PER_SECOND), None, 40 * MIB),
        (Condition("growth", 0.1, share=True, window_ns=MINUTE), 1000, 40 * MIB),
        (Condition("growth", 0.1, share=True, window_ns=MINUTE), None, None),
    ],
)
def test_how_far_a_bound_is(
    condition: Condition, limit: float | None, away: int | None
) -> None:
    """Of who holds 100 MiB by now, and 1 MiB less for each second before."""
    samples = watched(line(1), 80, limit=limit)
    assert bytes_away(condition, samples) == away


@pytest.mark.parametrize(
    ("windows", "every"),
    [
        ((), None),
        ((MINUTE,), MINUTE // 4),
        ((MINUTE, 10 * NS_PER_SECOND), 10 * NS_PER_SECOND // 4),
        ((NS_PER_SECOND // 10,), NS_PER_SECOND // 4),  # samples do not come closer
    ],
)
def test_how_often_a_window_is_looked_at(windows: tuple[int, ...], every: int | None) -> None:
    when = tuple(Condition("growth", MIB, window_ns=window) for window in windows)
    climbs = Condition("climb", MIB, window_ns=NS_PER_SECOND)
    policy = Policy("p", Match(), (*when, climbs), Mode.ANY, ())
    assert look_every_ns([policy]) == every
