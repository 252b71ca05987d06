"""growth: bytes gained within a window, over the floor of that window."""

from dataclasses import dataclass

from ebpftrace.judge import words
from ebpftrace.judge.finding import Severity
from ebpftrace.judge.samples import Samples
from ebpftrace.judge.verdict import Verdict
from ebpftrace.units import NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class GrowthDetector:
    """`bound_bytes` (or `bound_share` of the limit, 0..1) gained within `window_ns`.

    The gain counts from the lowest value in the window; the first sample seeds it, so
    what was held before the watch began is no gain.
    """

    window_ns: int
    bound_bytes: int | None = None
    bound_share: float | None = None
    severity: Severity = Severity.WARNING
    name: str = "growth"

    def verdict(self, samples: Samples) -> Verdict | None:
        now = samples.now
        bound = self.bound_bytes
        if bound is None:
            if self.bound_share is None or not now.limit_bytes:
                return None
            bound = round(self.bound_share * now.limit_bytes)
        since, lowest = samples.lowest(self.window_ns)
        gained = now.held_bytes - lowest
        if gained < bound or gained <= 0:
            return None
        seconds = max((now.time_ns - since) / NS_PER_SECOND, 0.001)
        left = None if now.room_bytes is None else max(0, now.room_bytes) * seconds / gained
        kinds = words.kinds(samples.before(now.time_ns - since), now)
        told = (
            f"gained {words.size(gained)} in {words.seconds(seconds)} (bound "
            f"{words.size(bound)} in {words.seconds(self.window_ns / NS_PER_SECOND)}), {kinds}"
            f"{words.ahead(now.limit_bytes, left)}"
        )
        return Verdict(self.severity, gained, bound, "bytes", since, told, left)
