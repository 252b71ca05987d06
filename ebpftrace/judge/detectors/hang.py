"""hang: the job waits at its limit, and the kernel kills no process to end that."""

from dataclasses import dataclass
from typing import ClassVar

from ebpftrace.judge import words
from ebpftrace.judge.condition_kind import ConditionKind
from ebpftrace.judge.detector import Detector, Verdict
from ebpftrace.judge.finding import FindingUnit, Severity
from ebpftrace.judge.samples import Samples
from ebpftrace.judge.sharing import limit_is_shared
from ebpftrace.units import NS_PER_SECOND

NAME = "hang"


@dataclass(frozen=True, slots=True)
class HangDetector(Detector):
    """Its tasks wait for memory that nothing will free.

    On cgroup v1 with `oom_kill_disable`: for `stuck_ns` a task has waited at the limit, as
    the kernel itself shows it. On v2: in the last `window_ns` all tasks that could have run
    were throttled at memory.high for `bound_share` of the time (PSI), and what cannot be
    dropped stayed above `near_share` of it. There the kernel never kills a process.
    """

    stuck_ns: int = 2 * NS_PER_SECOND
    window_ns: int = 10 * NS_PER_SECOND
    bound_share: float = 0.9
    near_share: float = 0.85
    severity: Severity = Severity.CRITICAL
    name: str = NAME

    units: ClassVar = frozenset({FindingUnit.SECONDS, FindingUnit.SHARE})
    measures_gain: ClassVar = False
    sample_every_ns: ClassVar = None
    bytes_to_bound: ClassVar = None

    def verdict(self, samples: Samples) -> Verdict | None:
        if samples.now.stuck:
            return self._stuck(samples)
        return self._throttled(samples)

    def _stuck(self, samples: Samples) -> Verdict | None:
        """A task waits, and the OOM killer is disabled."""
        now = samples.now
        since_ns = now.time_ns
        for sample in reversed(samples.within(now.time_ns)):
            if not sample.stuck:
                break
            since_ns = sample.time_ns
        waited_ns = now.time_ns - since_ns
        if waited_ns < self.stuck_ns:
            return None
        limit = f"its limit of {words.size(now.limit_bytes)}" if now.limit_bytes else "a limit"
        if limit_is_shared(now):
            limit = words.limit(now)
        sentence = (
            f"hangs at {limit} for {words.seconds(waited_ns / NS_PER_SECOND)} now: it "
            f"holds {words.size(now.held_bytes)}, its tasks wait for memory, and the OOM "
            "killer is disabled"
        )
        return Verdict(
            self.severity, waited_ns / NS_PER_SECOND, self.stuck_ns / NS_PER_SECOND,
            FindingUnit.SECONDS, since_ns, sentence, seconds_to_limit=0.0,
        )  # fmt: skip

    def _throttled(self, samples: Samples) -> Verdict | None:
        """All its tasks stand at memory.high."""
        window = samples.within(self.window_ns)
        first, now = window[0], samples.now
        passed_ns = now.time_ns - first.time_ns
        high = now.high_bytes
        if samples.age_ns < self.window_ns or passed_ns <= 0 or high is None:
            return None
        waited = (now.full_pressure_ns - first.full_pressure_ns) / passed_ns
        near = min((sample.high_share or 0.0) for sample in window) >= self.near_share
        if waited < self.bound_share or not near or now.throttled == first.throttled:
            return None
        sentence = (
            f"is throttled to a standstill at memory.high, {words.size(high)}: it holds "
            f"{words.size(now.held_bytes)}, and all its tasks waited {words.share(waited)} of "
            f"{words.seconds(passed_ns / NS_PER_SECOND)} for memory "
            f"(bound {words.share(self.bound_share)})"
        )
        return Verdict(
            self.severity, waited, self.bound_share, FindingUnit.SHARE, first.time_ns,
            sentence, seconds_to_limit=0.0,
        )  # fmt: skip


def _describe(_: HangDetector, subject: str) -> str:
    return f"{subject} hangs at its limit"


CONDITION = ConditionKind(
    name=NAME,
    doc="it waits at its limit, and the kernel kills no process to end that",
    settings=(),
    per_process=False,
    build=HangDetector,
    describe=_describe,
)
