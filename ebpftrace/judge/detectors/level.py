"""level: held memory reached a bound, in bytes or as a share of the limit."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from ebpftrace.judge import words
from ebpftrace.judge.condition_kind import Bound, ConditionKind, Setting, SettingType
from ebpftrace.judge.detector import BytesToBound, Detector, Verdict
from ebpftrace.judge.finding import FindingUnit, Severity
from ebpftrace.judge.sample import Sample
from ebpftrace.judge.samples import Samples
from ebpftrace.judge.sharing import grew, limit_is_shared, nearer_shared
from ebpftrace.ledger.held import SharedLimit


@dataclass(frozen=True, slots=True)
class LevelDetector(Detector):
    """`bound_bytes` of held memory, or `bound_share` (0..1) of the tightest limit.

    Held is what the kernel cannot drop; page cache never counts. A share is of the job's own
    limit, for which only the job counts. A limit that it shares with others counts for the
    job that brings it nearer, and for no other. Exactly one of the two is given.
    """

    bound_bytes: int | None = None
    bound_share: float | None = None
    severity: Severity = Severity.WARNING
    name: str = "level"

    units: ClassVar = frozenset({FindingUnit.BYTES, FindingUnit.SHARE})
    measures_gain: ClassVar = False
    sample_every_ns: ClassVar = None

    def __post_init__(self) -> None:
        if (self.bound_bytes is None) == (self.bound_share is None):
            raise ValueError("give one of bound_bytes and bound_share")

    @property
    def bytes_to_bound(self) -> BytesToBound:
        return self._bytes_to_bound

    def _bytes_to_bound(self, samples: Samples) -> int | None:
        now = samples.now
        if self.bound_bytes is not None:
            return self.bound_bytes - now.held_bytes
        if not now.limit_bytes or now.used_share is None or self.bound_share is None:
            return None
        if limit_is_shared(now) and now.used_share >= self.bound_share and not grew(samples):
            return None
        return round((self.bound_share - now.used_share) * now.limit_bytes)

    def verdict(self, samples: Samples) -> Verdict | None:
        if self.bound_bytes is not None:
            return self._verdict_on_bytes(samples, self.bound_bytes)
        assert self.bound_share is not None
        return self._verdict_on_share(samples, self.bound_share)

    def _verdict_on_bytes(self, samples: Samples, bound: int) -> Verdict | None:
        held = samples.now.held_bytes
        if held < bound:
            return None
        since = _above_since(samples, lambda sample: sample.held_bytes >= bound)
        kernel = words.kernel_part(samples.now.kernel_bytes, held)
        sentence = f"holds {words.size(held)}{kernel} (bound {words.size(bound)})"
        return Verdict(self.severity, held, bound, FindingUnit.BYTES, since, sentence)

    def _verdict_on_share(self, samples: Samples, bound: float) -> Verdict | None:
        now = samples.now
        used, shared = now.used_share, nearer_shared(now)
        if used is None or used < bound or now.limit_bytes is None:
            if shared is None or shared.used_share < bound or not grew(samples):
                return None
            return self._verdict_on_shared(samples, bound, shared)
        if limit_is_shared(now) and not grew(samples):
            return None
        since = _above_since(samples, lambda sample: (sample.used_share or 0) >= bound)
        sentence = (
            f"holds {words.size(now.held_bytes)}"
            f"{words.kernel_part(now.kernel_bytes, now.held_bytes)}, "
            f"{words.share(used)} of {words.limit(now)} taken (bound {words.share(bound)})"
        )
        return Verdict(self.severity, used, bound, FindingUnit.SHARE, since, sentence)

    def _verdict_on_shared(
        self, samples: Samples, bound: float, shared: SharedLimit
    ) -> Verdict:
        now = samples.now
        since = _above_since(
            samples,
            lambda sample: sample.shared is not None and sample.shared.used_share >= bound,
        )
        sentence = (
            f"holds {words.size(now.held_bytes)} and has grown; "
            f"{words.share(shared.used_share)} of {words.shared_limit(now)}, is taken "
            f"(bound {words.share(bound)})"
        )
        return Verdict(
            self.severity, shared.used_share, bound, FindingUnit.SHARE, since, sentence
        )


def _above_since(samples: Samples, above: Callable[[Sample], bool]) -> int:
    """Since when every sample was above; at most two minutes ago."""
    since = samples.now.time_ns
    for sample in reversed(samples.within(since)):
        if not above(sample):
            break
        since = sample.time_ns
    return since


def _build(bound: Bound) -> LevelDetector:
    return LevelDetector(bound.in_bytes, bound.as_share)


def _describe(level: LevelDetector, subject: str) -> str:
    if level.bound_share is not None:
        return f"{subject} is at {words.exact_share(level.bound_share)} of its limit"
    return f"{subject} holds {words.exact_size(level.bound_bytes or 0)}"


CONDITION = ConditionKind(
    name="level",
    doc="how much is held; page cache never counts",
    settings=(
        Setting(
            "bound",
            SettingType.SIZE_OR_SHARE,
            "a share of the limit taken, or bytes held",
            required=True,
        ),
    ),
    per_process=True,
    build=_build,
    describe=_describe,
)
