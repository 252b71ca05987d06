"""exhaustion: nearly all of the limit is taken by what cannot be dropped."""

from dataclasses import dataclass
from typing import ClassVar

from ebpftrace.judge import words
from ebpftrace.judge.detector import Detector, Verdict
from ebpftrace.judge.finding import FindingUnit, Severity
from ebpftrace.judge.samples import Samples
from ebpftrace.judge.sharing import grew, limit_is_shared
from ebpftrace.units import NS_PER_SECOND

EXHAUSTED_SHARE = 0.97
"""Of a limit. Healthy jobs were seen to end well with 96 % taken."""


@dataclass(frozen=True, slots=True)
class ExhaustionDetector(Detector):
    """`bound_share` of the limit is taken, and within `window_ns` it grew or hit the limit.

    It grew by `least_share` of the limit. Or it hit the limit while so much was taken: what
    was freed was freed too late. A job that rests just below its limit does neither.

    Of what is taken, all but a tenth of the limit must be held: the rest is page cache that
    was dropped while it was read, or kernel memory where its amount is not known.
    """

    bound_share: float = EXHAUSTED_SHARE
    window_ns: int = 10 * NS_PER_SECOND
    least_share: float = 0.002
    kernel_share: float = 0.1
    name: str = "exhaustion"

    units: ClassVar = frozenset({FindingUnit.SHARE})
    measures_gain: ClassVar = False
    sample_every_ns: ClassVar = None
    bytes_to_bound: ClassVar = None

    def verdict(self, samples: Samples) -> Verdict | None:
        now = samples.now
        own = None if limit_is_shared(now) else self._verdict_on_own(samples)
        return own or self._verdict_on_shared(samples)

    def _verdict_on_own(self, samples: Samples) -> Verdict | None:
        now = samples.now
        used, limit = now.used_share, now.limit_bytes
        if used is None or limit is None or used < self.bound_share:
            return None
        if now.held_bytes < (self.bound_share - self.kernel_share) * limit:
            return None
        window = samples.within(self.window_ns)
        gained = now.held_bytes - min(sample.held_bytes for sample in window)
        taken = [sample for sample in window if (sample.used_share or 0.0) >= self.bound_share]
        hits = now.limit_hits - taken[0].limit_hits
        seconds = words.seconds((now.time_ns - window[0].time_ns) / NS_PER_SECOND)
        if gained >= self.least_share * limit:
            how = f"and it still grows: {words.size(gained)} in the last {seconds}"
        elif hits > 0:
            how = "and it has hit the limit"
        else:
            return None
        sentence = (
            f"holds {words.size(now.held_bytes)}"
            f"{words.kernel_part(now.kernel_bytes, now.held_bytes)}, "
            f"{words.share(used)} of the limit of "
            f"{words.size(limit)} is taken by what cannot be dropped, {how}"
        )
        return Verdict(
            Severity.CRITICAL, used, self.bound_share, FindingUnit.SHARE, taken[0].time_ns,
            sentence, samples.trend.seconds_to_limit,
        )  # fmt: skip

    def _verdict_on_shared(self, samples: Samples) -> Verdict | None:
        """Of the job that brings a shared limit nearer, though it may hold little of it."""
        now = samples.now
        shared = now.shared
        if shared is None or shared.used_share < self.bound_share:
            return None
        window = samples.within(self.window_ns)
        gained = now.held_bytes - min(sample.held_bytes for sample in window)
        if gained < self.least_share * shared.limit_bytes or not grew(samples):
            return None
        seconds = words.seconds((now.time_ns - window[0].time_ns) / NS_PER_SECOND)
        sentence = (
            f"holds {words.size(now.held_bytes)}"
            f"{words.kernel_part(now.kernel_bytes, now.held_bytes)}, "
            f"{words.share(shared.used_share)} of {words.shared_limit(now)}, is taken by what "
            f"cannot be dropped, and it still grows: {words.size(gained)} in the last {seconds}"
        )
        return Verdict(
            Severity.CRITICAL, shared.used_share, self.bound_share, FindingUnit.SHARE,
            now.time_ns, sentence, samples.trend.seconds_to_limit,
        )  # fmt: skip


CONDITION = None
"""A policy asks for it through `builtin`; `level` is a bound of its own."""
