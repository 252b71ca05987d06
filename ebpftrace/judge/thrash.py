"""thrash: at a limit, and the kernel busy taking away what is needed again at once."""

from collections.abc import Iterable
from dataclasses import dataclass

from ebpftrace.judge import words
from ebpftrace.judge.finding import Severity
from ebpftrace.judge.samples import Sample, Samples
from ebpftrace.judge.verdict import Verdict
from ebpftrace.units import NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Thrash:
    """Of the last `window_ns`, its tasks waited `bound_share` for memory, and got nowhere.

    Waited: for reclaim, summed over the tasks; or, where there is more of it, as PSI has it
    (cgroup v2), which knows of swapping in and of what was dropped and read back as well.

    Nowhere: what cannot be dropped stayed above `near_share` of the limit all the while, or
    of memory.high, where v2 lets a job crawl for ever and kills nobody.
    So a flood of page cache, which waits for reclaim most of all, is none; nor is a climb,
    which has findings of its own. Hitting the limit without stalls or refaults is none.
    """

    window_ns: int = 15 * NS_PER_SECOND
    bound_share: float = 0.2
    near_share: float = 0.85
    refaults_per_second: float = 200.0
    severity: Severity = Severity.WARNING
    name: str = "thrash"

    def verdict(self, samples: Samples) -> Verdict | None:
        if samples.age_ns < self.window_ns:
            return None
        window = samples.within(self.window_ns)
        first, now = window[0], samples.now
        seconds = (now.time_ns - first.time_ns) / NS_PER_SECOND
        place = self._place(window)
        if seconds <= 0 or not place:
            return None
        lost_ns = max(now.stalled_ns - first.stalled_ns, now.pressure_ns - first.pressure_ns)
        waited = lost_ns / NS_PER_SECOND / seconds
        refaults = (now.refaults - first.refaults) / seconds
        if waited < self.bound_share and refaults < self.refaults_per_second:
            return None
        told = (
            f"thrashes at {place}: its tasks waited {words.share(waited)} of "
            f"{words.seconds(seconds)} for memory (bound {words.share(self.bound_share)}), "
            f"{refaults:,.0f} pages a second were dropped and needed again"
        )
        return Verdict(
            self.severity, waited, self.bound_share, "share", first.time_ns, told, 0.0
        )

    def _place(self, window: list[Sample]) -> str:
        """What it was near to all the while and has hit, in words; "" if there is none."""
        first, now = window[0], window[-1]
        if now.limit_hits > first.limit_hits and self._near(map(_used, window)):
            return (
                f"{words.share(_used(now))} of the limit of {words.size(now.limit_bytes or 0)}"
            )
        if now.throttled > first.throttled and self._near(map(_high, window)):
            return (
                f"{words.share(_high(now))} of memory.high, {words.size(now.high_bytes or 0)}"
            )
        return ""

    def _near(self, shares: Iterable[float]) -> bool:
        return min(shares) >= self.near_share


def _used(sample: Sample) -> float:
    return sample.used_share or 0.0


def _high(sample: Sample) -> float:
    return sample.high_share or 0.0
