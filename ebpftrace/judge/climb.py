"""climb: the floor of the curve rises steadily, at so many bytes a second."""

from dataclasses import dataclass

from ebpftrace.judge import words
from ebpftrace.judge.finding import Severity
from ebpftrace.judge.room import seconds_left
from ebpftrace.judge.samples import Samples
from ebpftrace.judge.slope import steadiest
from ebpftrace.judge.verdict import Verdict
from ebpftrace.units import NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class ClimbDetector:
    """`bound_per_second` bytes, for at least `least_ns`.

    A collector's sawtooth has no such climb, nor has a burst before a plateau: see `slope`.
    """

    bound_per_second: int
    least_ns: int = 30 * NS_PER_SECOND
    severity: Severity = Severity.WARNING
    name: str = "climb"

    def verdict(self, samples: Samples) -> Verdict | None:
        climb = steadiest(samples)
        if climb is None or climb.rate < self.bound_per_second:
            return None
        if climb.seconds * NS_PER_SECOND < self.least_ns:
            return None
        now = samples.now
        left = seconds_left(samples, climb)
        told = (
            f"has climbed by {words.size(climb.rate)}/s for {words.seconds(climb.seconds)} "
            f"(bound {words.size(self.bound_per_second)}/s)"
            f"{words.ahead(now.limit_bytes, left)}"
        )
        return Verdict(
            self.severity, climb.rate, self.bound_per_second, "bytes/s", climb.since_ns, told,
            left, climb.half_bytes,
        )  # fmt: skip
