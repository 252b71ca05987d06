"""time_to_limit: at the rate of its steady climb, the limit is less than so far away."""

from dataclasses import dataclass
from typing import ClassVar

from ebpftrace.judge import words
from ebpftrace.judge.condition_kind import ConditionKind, Setting, SettingType
from ebpftrace.judge.detector import Detector, Verdict
from ebpftrace.judge.finding import FindingUnit, Severity
from ebpftrace.judge.samples import Samples
from ebpftrace.units import NS_PER_SECOND, format_duration


@dataclass(frozen=True, slots=True)
class TimeToLimitDetector(Detector):
    """`bound_seconds` to the tightest limit.

    By itself it finds every leak in time, and many a healthy start as well.
    """

    bound_seconds: float
    severity: Severity = Severity.WARNING
    name: str = "time_to_limit"

    units: ClassVar = frozenset({FindingUnit.SECONDS})
    measures_gain: ClassVar = True
    sample_every_ns: ClassVar = None
    bytes_to_bound: ClassVar = None

    def verdict(self, samples: Samples) -> Verdict | None:
        climb = samples.climb
        left = samples.trend.seconds_to_limit
        if climb is None or left is None or left > self.bound_seconds:
            return None
        sentence = (
            f"climbs by {words.size(climb.rate)}/s (bound: {words.seconds(self.bound_seconds)} "
            f"before the limit){words.ahead(samples.now, samples.trend)}"
        )
        return Verdict(
            severity=self.severity,
            measured=left,
            bound=self.bound_seconds,
            unit=FindingUnit.SECONDS,
            since_ns=climb.since_ns,
            words=sentence,
            seconds_to_limit=left,
            ends_below_bytes=climb.half_bytes,
        )


def _build(bound: int) -> TimeToLimitDetector:
    return TimeToLimitDetector(bound / NS_PER_SECOND)


def _describe(detector: TimeToLimitDetector, subject: str) -> str:
    left = format_duration(round(detector.bound_seconds * NS_PER_SECOND))
    return f"{subject} climbs and is {left} from its limit"


CONDITION = ConditionKind(
    name="time_to_limit",
    doc="how soon a climb meets the limit",
    settings=(
        Setting(
            "bound", SettingType.DURATION, "time left, at the rate of its climb", required=True
        ),
    ),
    per_process=True,
    build=_build,
    describe=_describe,
)
