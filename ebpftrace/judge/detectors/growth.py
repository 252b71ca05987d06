"""growth: bytes gained within a window, over the floor of that window."""

from dataclasses import dataclass
from typing import ClassVar

from ebpftrace.judge import words
from ebpftrace.judge.condition_kind import Bound, ConditionKind, Setting, SettingType
from ebpftrace.judge.detector import BytesToBound, Detector, Verdict
from ebpftrace.judge.finding import FindingUnit, Severity
from ebpftrace.judge.samples import Samples
from ebpftrace.ledger.climbs.floor import FINE_NS
from ebpftrace.ledger.series import CLOSEST_NS
from ebpftrace.units import NS_PER_SECOND, format_duration

_ALIKE = 1.5  # rates that differ by a smaller factor are called the same
_SAMPLES_A_WINDOW = 4  # a gain from before it counts for a quarter of it at most


@dataclass(frozen=True, slots=True)
class GrowthDetector(Detector):
    """`bound_bytes` (or `bound_share` of the limit, 0..1) gained within `window_ns`.

    The gain counts from the lowest value in the window; the first sample seeds it, so
    what was held before the watch began is no gain.
    """

    window_ns: int
    bound_bytes: int | None = None
    bound_share: float | None = None
    severity: Severity = Severity.WARNING
    name: str = "growth"

    units: ClassVar = frozenset({FindingUnit.BYTES})
    measures_gain: ClassVar = True

    @property
    def sample_every_ns(self) -> int:
        return max(CLOSEST_NS, self.window_ns // _SAMPLES_A_WINDOW)

    @property
    def bytes_to_bound(self) -> BytesToBound:
        return self._bytes_to_bound

    def _bytes_to_bound(self, samples: Samples) -> int | None:
        bound = self._bound(samples)
        if not bound:
            return None
        _, lowest = samples.lowest(self.window_ns)
        return lowest + bound - samples.now.held_bytes

    def _bound(self, samples: Samples) -> int | None:
        """In bytes; None for a share where there is no limit."""
        if self.bound_bytes is not None:
            return self.bound_bytes
        limit = samples.now.limit_bytes
        if self.bound_share is None or not limit:
            return None
        return round(self.bound_share * limit)

    def verdict(self, samples: Samples) -> Verdict | None:
        now, bound = samples.now, self._bound(samples)
        if bound is None:
            if self.window_ns > FINE_NS:
                samples.keep_floor()  # a limit may be set later
            return None
        since, lowest = samples.lowest(self.window_ns)
        gained = now.held_bytes - lowest
        if gained < bound or gained <= 0:
            return None
        seconds = max((now.time_ns - since) / NS_PER_SECOND, 0.001)
        kinds = words.kinds(samples.before(now.time_ns - since), now)
        sentence = (
            f"gained {words.size(gained)} in {words.seconds(seconds)} (bound "
            f"{words.size(bound)} in {words.seconds(self.window_ns / NS_PER_SECOND)}), {kinds}"
            f"{words.ahead(now, samples.trend, _rate(samples, gained / seconds))}"
        )
        return Verdict(
            self.severity, gained, bound, FindingUnit.BYTES, since, sentence,
            samples.trend.seconds_to_limit,
        )  # fmt: skip


def _rate(samples: Samples, gained_per_second: float) -> str:
    """What to call the rate of the trend, which need not be that of the window."""
    steady = samples.trend.bytes_per_second
    if gained_per_second / _ALIKE <= steady <= gained_per_second * _ALIKE:
        return "this rate"
    return f"its steady {words.size(steady)}/s"


def _build(bound: Bound, window: int) -> GrowthDetector:
    return GrowthDetector(window, bound.in_bytes, bound.as_share)


def _describe(growth: GrowthDetector, subject: str) -> str:
    if growth.bound_share is not None:
        size = f"{words.exact_share(growth.bound_share)} of its limit"
    else:
        size = words.exact_size(growth.bound_bytes or 0)
    return f"{subject} gains {size} in {format_duration(growth.window_ns)}"


CONDITION = ConditionKind(
    name="growth",
    doc="how much was gained within a window, over its floor",
    settings=(
        Setting(
            "bound",
            SettingType.SIZE_OR_SHARE,
            "bytes gained within the window, or a share of the limit",
            required=True,
        ),
        Setting("window", SettingType.DURATION, "the window", required=True),
    ),
    per_process=True,
    build=_build,
    describe=_describe,
)
