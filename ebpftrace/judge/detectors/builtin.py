"""The built-in judgement: what is judged without any policy. It only reports."""

from dataclasses import dataclass

from ebpftrace.judge.condition_kind import ConditionKind, Setting, SettingType
from ebpftrace.judge.detector import Detector
from ebpftrace.judge.detectors.growth import GrowthDetector
from ebpftrace.judge.detectors.leak import LeakDetector
from ebpftrace.judge.detectors.level import LevelDetector
from ebpftrace.judge.detectors.oom import OomDetector
from ebpftrace.judge.detectors.thrash import ThrashDetector
from ebpftrace.judge.finding import Severity
from ebpftrace.units import NS_PER_SECOND


def builtin_detectors() -> tuple[Detector, ...]:
    """Leaks, thrashing and OOM kills; a burst or a new high is no more than a notice."""
    return (
        LeakDetector(),
        ThrashDetector(),
        OomDetector(),
        GrowthDetector(
            15 * NS_PER_SECOND, bound_share=0.4, severity=Severity.NOTICE, name="burst"
        ),
        LevelDetector(bound_share=0.9, severity=Severity.NOTICE, name="high"),
    )


@dataclass(frozen=True, slots=True)
class BuiltinJudgement:
    """Any finding of the built-in detectors that is at least this severe."""

    least: Severity = Severity.WARNING


def _describe(judgement: BuiltinJudgement, _: str) -> str:
    return f"the built-in judgement finds a {judgement.least.name.lower()} or worse"


CONDITION = ConditionKind(
    name="builtin",
    doc="the built-in judgement: leaks, thrashing and OOM kills",
    settings=(
        Setting(
            "least",
            SettingType.SEVERITY,
            "how severe the finding must be at least",
            required=False,
        ),
    ),
    per_process=False,
    build=BuiltinJudgement,
    describe=_describe,
)
