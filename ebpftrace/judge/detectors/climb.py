"""climb: the floor of the curve rises steadily, by at least so many bytes a second."""

from dataclasses import dataclass
from typing import ClassVar

from ebpftrace.judge import words
from ebpftrace.judge.condition_kind import ConditionKind, Setting, SettingType
from ebpftrace.judge.detector import Detector, Verdict
from ebpftrace.judge.finding import FindingUnit, Severity
from ebpftrace.judge.samples import Samples
from ebpftrace.units import NS_PER_SECOND, format_duration


@dataclass(frozen=True, slots=True)
class ClimbDetector(Detector):
    """`bound_per_second` bytes, for at least `least_ns`.

    A collector's sawtooth has no such climb, nor has a burst before a plateau: see
    ledger/climbs/climb.py.
    """

    bound_per_second: int
    least_ns: int = 30 * NS_PER_SECOND
    severity: Severity = Severity.WARNING
    name: str = "climb"

    units: ClassVar = frozenset({FindingUnit.BYTES_PER_SECOND})
    measures_gain: ClassVar = True
    sample_every_ns: ClassVar = None
    bytes_to_bound: ClassVar = None

    def verdict(self, samples: Samples) -> Verdict | None:
        climb = samples.climb
        if climb is None or climb.rate < self.bound_per_second:
            return None
        if climb.seconds * NS_PER_SECOND < self.least_ns:
            return None
        now = samples.now
        left = samples.trend.seconds_to_limit
        sentence = (
            f"has climbed by {words.size(climb.rate)}/s for {words.seconds(climb.seconds)} "
            f"(bound {words.size(self.bound_per_second)}/s)"
            f"{words.ahead(now, samples.trend)}"
        )
        return Verdict(
            severity=self.severity,
            measured=climb.rate,
            bound=self.bound_per_second,
            unit=FindingUnit.BYTES_PER_SECOND,
            since_ns=climb.since_ns,
            words=sentence,
            seconds_to_limit=left,
            ends_below_bytes=climb.half_bytes,
        )


def _build(bound: int, window: int) -> ClimbDetector:
    return ClimbDetector(bound, window)


def _describe(climb: ClimbDetector, subject: str) -> str:
    rate = words.exact_size(climb.bound_per_second)
    return f"{subject} climbs by {rate}/s for {format_duration(climb.least_ns)}"


CONDITION = ConditionKind(
    name="climb",
    doc="a floor that rises steadily",
    settings=(
        Setting("bound", SettingType.RATE, "how steep it must be", required=True),
        Setting("window", SettingType.DURATION, "how long it must last", required=True),
    ),
    per_process=True,
    build=_build,
    describe=_describe,
)
