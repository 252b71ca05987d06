"""time_to_limit: at the rate of its steady climb, the limit is less than so far away."""

from dataclasses import dataclass

from ebpftrace.judge import words
from ebpftrace.judge.finding import Severity
from ebpftrace.judge.room import seconds_left
from ebpftrace.judge.samples import Samples
from ebpftrace.judge.slope import steadiest
from ebpftrace.judge.verdict import Verdict


@dataclass(frozen=True, slots=True)
class TimeToLimitDetector:
    """`bound_seconds` to the tightest limit.

    By itself it calls every leak in time, and many a healthy start as well.
    """

    bound_seconds: float
    severity: Severity = Severity.WARNING
    name: str = "time_to_limit"

    def verdict(self, samples: Samples) -> Verdict | None:
        climb = steadiest(samples)
        left = seconds_left(samples, climb) if climb else None
        if climb is None or left is None or left > self.bound_seconds:
            return None
        told = (
            f"climbs by {words.size(climb.rate)}/s (bound: {words.seconds(self.bound_seconds)} "
            f"before the limit){words.ahead(samples.now.limit_bytes, left)}"
        )
        return Verdict(
            self.severity, left, self.bound_seconds, "seconds", climb.since_ns, told, left,
            climb.half_bytes,
        )  # fmt: skip
