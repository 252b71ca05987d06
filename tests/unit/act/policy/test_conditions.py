"""What a policy writes for any detector becomes that detector."""

from typing import Any

import pytest

from ebpftrace.act.policy.conditions import condition_keys, sample_every_ns
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.judge.condition_kind import Bound, ConditionKind, SettingType
from ebpftrace.judge.detectors import CONDITION_KINDS
from ebpftrace.judge.detectors.builtin import BuiltinJudgement
from ebpftrace.judge.finding import Severity
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.conditions import condition, growth

MINUTE = 60 * NS_PER_SECOND
VALUES: dict[SettingType, Any] = {
    SettingType.SIZE: MIB,
    SettingType.SHARE: 0.5,
    SettingType.SIZE_OR_SHARE: Bound(MIB),
    SettingType.RATE: MIB,
    SettingType.DURATION: MINUTE,
    SettingType.SEVERITY: Severity.WARNING,
}


def settings(kind: ConditionKind[Any]) -> dict[str, Any]:
    """A value for each setting that a policy must write."""
    return {one.name: VALUES[one.type] for one in kind.settings if one.required}


@pytest.mark.parametrize("name", CONDITION_KINDS)
def test_a_condition_needs_its_required_settings_only(name: str) -> None:
    kind = CONDITION_KINDS[name]
    detector = kind.build(**settings(kind))
    for left_out in settings(kind):
        rest = {key: value for key, value in settings(kind).items() if key != left_out}
        with pytest.raises(TypeError):
            kind.build(**rest)
    if not isinstance(detector, BuiltinJudgement):  # it stands for several detectors
        assert detector.name == kind.name


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
