"""The built-in judgement: what is judged without any policy. It only reports."""

from dataclasses import dataclass

from ebpftrace.judge.condition_kind import ConditionKind, Setting, SettingType
from ebpftrace.judge.detector import Detector
from ebpftrace.judge.detectors.exhaustion import ExhaustionDetector
from ebpftrace.judge.detectors.forecast import NAME as FORECAST
from ebpftrace.judge.detectors.forecast import ForecastDetector
from ebpftrace.judge.detectors.growth import GrowthDetector
from ebpftrace.judge.detectors.hang import HangDetector
from ebpftrace.judge.detectors.leak import LeakDetector
from ebpftrace.judge.detectors.level import LevelDetector
from ebpftrace.judge.detectors.oom import OomDetector
from ebpftrace.judge.detectors.shared import NAME as SHARED
from ebpftrace.judge.detectors.shared import SharedDetector
from ebpftrace.judge.detectors.thrash import ThrashDetector
from ebpftrace.judge.finding import Finding, Severity
from ebpftrace.units import NS_PER_SECOND


def builtin_detectors() -> tuple[Detector, ...]:
    """What is known: exhaustion, leaks, hangs, thrashing, OOM kills.

    What is expected are forecasts. A burst or a new high is no more than a notice.
    """
    return (
        ForecastDetector(),
        LeakDetector(),
        ExhaustionDetector(),
        HangDetector(),
        ThrashDetector(),
        OomDetector(),
        GrowthDetector(
            15 * NS_PER_SECOND, bound_share=0.4, severity=Severity.NOTICE, name="burst"
        ),
        LevelDetector(bound_share=0.9, severity=Severity.NOTICE, name="high"),
        SharedDetector(),
    )


@dataclass(frozen=True, slots=True)
class BuiltinJudgement:
    """Any finding of the built-in detectors that is at least this severe, but no forecast.

    A warning is reported and not acted on by default: a job that has changed has one too,
    and ends well.
    """

    least: Severity = Severity.CRITICAL

    def acts_on(self, finding: Finding) -> bool:
        """A forecast is not acted on, however severe: healthy jobs have them too.

        Nor is a shared limit that others fill: nothing that is done to the job would help.
        """
        return finding.severity >= self.least and finding.detector not in (FORECAST, SHARED)


_WORDS = {
    Severity.NOTICE: "the built-in judgement has a finding",
    Severity.WARNING: "the built-in judgement finds a warning or worse",
    Severity.CRITICAL: "the built-in judgement has a critical finding",
}


def _describe(judgement: BuiltinJudgement, _: str) -> str:
    return _WORDS[judgement.least]


CONDITION = ConditionKind(
    name="builtin",
    doc="the built-in judgement: a leak near the limit, or an exhausted limit",
    settings=(
        Setting(
            "least",
            SettingType.SEVERITY,
            "how severe the finding must be at least; critical by default",
            required=False,
        ),
    ),
    per_process=False,
    build=BuiltinJudgement,
    describe=_describe,
)
