"""thrash: at a limit, and the kernel busy reclaiming what is needed again at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from mmap import PAGESIZE
from typing import ClassVar

from ebpftrace.judge import words
from ebpftrace.judge.condition_kind import ConditionKind
from ebpftrace.judge.detector import Detector, Verdict
from ebpftrace.judge.finding import FindingUnit, Severity
from ebpftrace.judge.sample import Sample
from ebpftrace.judge.samples import Samples
from ebpftrace.units import NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class ThrashDetector(Detector):
    """In the last `window_ns`, its tasks waited `bound_share` for memory, without progress.

    Waiting is reclaim, summed over the tasks, or PSI (cgroup v2) where that is more: PSI also
    counts swapping in, and reading back what was dropped.

    Without progress: what cannot be dropped stayed above `near_share` of the limit all the
    time, or of memory.high, at which v2 lets a job crawl for ever and kills no process. So a
    flood of page cache, which waits for reclaim most of all, is not thrashing; nor is a climb,
    which has findings of its own; nor is hitting the limit without stalls or refaults.

    Or, however far from the limit: in each third of the window a process waited
    `majors_per_second` times a second for a page of a mapped file to be read, while pages
    that had been dropped were needed again, within `turnover_ns` as many as fill the limit.
    Then the program and its files do not fit into the limit. Reading files by system calls
    causes no such faults; and what does fit is read once, even from a slow disk.
    """

    window_ns: int = 15 * NS_PER_SECOND
    bound_share: float = 0.2
    near_share: float = 0.85
    refaults_per_second: float = 200.0
    majors_per_second: float = 40.0
    turnover_ns: int = 120 * NS_PER_SECOND
    severity: Severity = Severity.WARNING
    name: str = "thrash"

    units: ClassVar = frozenset({FindingUnit.SHARE, FindingUnit.FAULTS_PER_SECOND})
    measures_gain: ClassVar = False
    sample_every_ns: ClassVar = None
    bytes_to_bound: ClassVar = None

    def verdict(self, samples: Samples) -> Verdict | None:
        if samples.age_ns < self.window_ns:
            return None
        window = samples.within(self.window_ns)
        first, now = window[0], samples.now
        seconds = (now.time_ns - first.time_ns) / NS_PER_SECOND
        if seconds <= 0:
            return None
        place = self._place(window)
        if not place:
            return self._mapped_verdict(samples, window, seconds)
        lost_ns = max(now.stalled_ns - first.stalled_ns, now.pressure_ns - first.pressure_ns)
        waited = lost_ns / NS_PER_SECOND / seconds
        refaults = (now.refaults - first.refaults) / seconds
        if waited < self.bound_share and refaults < self.refaults_per_second:
            return None
        return self._near_limit_verdict(place, waited, refaults, first, seconds)

    def _near_limit_verdict(
        self, place: str, waited: float, refaults: float, first: Sample, seconds: float
    ) -> Verdict:
        """The measure that is above its bound decides; if both are, the waiting does."""
        decided_by_waiting = waited >= self.bound_share
        wait_bound = refault_bound = ""
        if decided_by_waiting:
            measured, bound, unit = waited, self.bound_share, FindingUnit.SHARE
            wait_bound = f" (bound {words.share(bound)})"
        else:
            measured, bound = refaults, self.refaults_per_second
            unit = FindingUnit.FAULTS_PER_SECOND
            refault_bound = f" (bound {bound:,.0f})"
        sentence = (
            f"thrashes at {place}: its tasks waited {words.share(waited)} of "
            f"{words.seconds(seconds)} for memory{wait_bound}, {refaults:,.0f} pages a second"
            f"{refault_bound} were dropped and needed again"
        )
        return Verdict(self.severity, measured, bound, unit, first.time_ns, sentence, 0.0)

    def _mapped_verdict(
        self, samples: Samples, window: list[Sample], seconds: float
    ) -> Verdict | None:
        """Mapped files that do not fit: all of it page cache, which is needed again at once."""
        first, now = window[0], window[-1]
        refaults = (now.refaults - first.refaults) / seconds
        thirds = [
            window[len(window) * n // 3 : len(window) * (n + 1) // 3 + 1] for n in range(3)
        ]
        rate = min(map(_majors_per_second, thirds))
        if rate < self.majors_per_second or refaults < self.refaults_per_second:
            return None
        if now.limit_hits > first.limit_hits:
            full_bytes = now.limit_bytes or 0
            place = f"the limit of {words.size(full_bytes)}"
        elif now.throttled > first.throttled:
            full_bytes = now.high_bytes or 0
            place = f"memory.high, {words.size(full_bytes)}"
        else:
            return None
        if (now.refaults - samples.before(self.turnover_ns).refaults) * PAGESIZE < full_bytes:
            return None
        rate = (now.major_faults - first.major_faults) / seconds
        sentence = (
            f"thrashes at {place}: the files it has mapped do not fit; it waited {rate:,.0f} "
            f"times a second for a page to be read (bound {self.majors_per_second:g}), "
            f"{refaults:,.0f} pages a second were dropped and needed again"
        )
        return Verdict(
            self.severity,
            rate,
            self.majors_per_second,
            FindingUnit.FAULTS_PER_SECOND,
            first.time_ns,
            sentence,
            0.0,
        )

    def _place(self, window: list[Sample]) -> str:
        """The limit it was near to all the time and has hit, in words; "" if there is none."""
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


def _majors_per_second(part: list[Sample]) -> float:
    seconds = (part[-1].time_ns - part[0].time_ns) / NS_PER_SECOND
    return (part[-1].major_faults - part[0].major_faults) / seconds if seconds > 0 else 0.0


def _used(sample: Sample) -> float:
    return sample.used_share or 0.0


def _high(sample: Sample) -> float:
    return sample.high_share or 0.0


def _describe(_: ThrashDetector, subject: str) -> str:
    return f"{subject} thrashes at its limit"


CONDITION = ConditionKind(
    name="thrash",
    doc="at the limit, and busy with reclaim that gets nowhere",
    settings=(),
    per_process=False,
    build=ThrashDetector,
    describe=_describe,
)
