"""What a policy writes for a detector becomes that detector."""

import pytest

from ebpftrace.act.policy.conditions import condition_keys, sample_every_ns
from ebpftrace.act.policy.policy import Condition, Match, Mode, Policy
from ebpftrace.judge.condition_kind import SettingType
from ebpftrace.judge.detectors import CONDITION_KINDS
from ebpftrace.judge.detectors.builtin import BuiltinJudgement
from ebpftrace.judge.detectors.climb import ClimbDetector
from ebpftrace.judge.detectors.growth import GrowthDetector
from ebpftrace.judge.detectors.level import LevelDetector
from ebpftrace.judge.detectors.oom import OomDetector
from ebpftrace.judge.detectors.thrash import ThrashDetector
from ebpftrace.judge.detectors.time_to_limit import TimeToLimitDetector
from ebpftrace.judge.finding import Severity
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.conditions import condition, growth, level

MINUTE = 60 * NS_PER_SECOND
MADE = [
    (level(0.85, share=True), LevelDetector(bound_share=0.85)),
    (level(1.5 * MIB), LevelDetector(bound_bytes=3 * MIB // 2)),
    (growth(256 * MIB, MINUTE), GrowthDetector(MINUTE, 256 * MIB)),
    (growth(0.5, MINUTE, share=True), GrowthDetector(MINUTE, None, 0.5)),
    (condition("climb", bound=MIB, window=MINUTE), ClimbDetector(MIB, MINUTE)),
    (condition("time_to_limit", bound=90 * NS_PER_SECOND), TimeToLimitDetector(90.0)),
    (condition("thrash"), ThrashDetector()),
    (condition("oom"), OomDetector()),
    (condition("builtin", least=Severity.NOTICE), BuiltinJudgement(Severity.NOTICE)),
]


@pytest.mark.parametrize(("made", "detector"), MADE)
def test_a_condition_has_its_detector(made: Condition, detector: object) -> None:
    assert made.detector == detector


def test_a_condition_and_its_detector_have_the_same_name() -> None:
    assert {made.kind.name for made, _ in MADE} == set(CONDITION_KINDS)
    for made, _ in MADE:
        if not isinstance(made.detector, BuiltinJudgement):
            assert made.detector.name == made.kind.name


def test_every_type_of_setting_can_be_written() -> None:
    """A detector may use any of them without a change here."""
    for type_ in SettingType:
        kind = CONDITION_KINDS["oom"]
        setting = CONDITION_KINDS["level"].settings[0]
        asked = type(kind)(
            kind.name, kind.doc, (type(setting)("x", type_, "", True),), False, kind.build,
            kind.describe,
        )  # fmt: skip
        (key,) = condition_keys(asked)
        assert key.kind.expected


@pytest.mark.parametrize(
    ("windows", "every"),
    [
        ((), None),
        ((MINUTE,), MINUTE // 4),
        ((MINUTE, 10 * NS_PER_SECOND), 10 * NS_PER_SECOND // 4),
        ((NS_PER_SECOND // 10,), NS_PER_SECOND // 4),  # samples do not come closer
    ],
)
def test_a_window_of_growth_asks_for_four_samples(
    windows: tuple[int, ...], every: int | None
) -> None:
    when = tuple(growth(MIB, window) for window in windows)
    others = (condition("climb", bound=MIB, window=NS_PER_SECOND), condition("builtin"))
    policy = Policy("p", Match(), (*when, *others), Mode.ANY, ())
    assert sample_every_ns([policy]) == every
