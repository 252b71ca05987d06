"""The keys of a condition's table, from what the judge says of each detector."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from ebpftrace.act.policy.keys import LEVEL, PER_PROCESS, RATE, SEVERITY
from ebpftrace.act.policy.policy import Policy
from ebpftrace.act.policy.toml.tables import Key
from ebpftrace.act.policy.toml.values import SHARE, SIZE, SPAN, Kind
from ebpftrace.judge.condition_kind import ConditionKind, SettingType
from ebpftrace.judge.detector import Detector

_KINDS: Mapping[SettingType, Kind] = {
    SettingType.SIZE: SIZE,
    SettingType.SHARE: SHARE,
    SettingType.SIZE_OR_SHARE: LEVEL,
    SettingType.RATE: RATE,
    SettingType.DURATION: SPAN,
    SettingType.SEVERITY: SEVERITY,
}
_OF = Key("of", "per_process", PER_PROCESS, "whether a whole job is judged, or one process")


@cache
def condition_keys(kind: ConditionKind[Any]) -> tuple[Key, ...]:
    """The keys beside `detector`; the values are arguments of `kind.build`, but for `of`."""
    keys = tuple(
        Key(setting.name, setting.name, _KINDS[setting.type], setting.doc, setting.required)
        for setting in kind.settings
    )
    return (*keys, _OF) if kind.per_process else keys


def sample_every_ns(policies: Iterable[Policy]) -> int | None:
    """How often the conditions of these policies need a snapshot; None: they do not mind."""
    detectors = (condition.detector for policy in policies for condition in policy.when)
    periods = [
        detector.sample_every_ns
        for detector in detectors
        if isinstance(detector, Detector) and detector.sample_every_ns is not None
    ]
    return min(periods, default=None)
