"""level: what is held reached a bound, in bytes or as a share of the limit."""

from dataclasses import dataclass

from ebpftrace.judge import words
from ebpftrace.judge.finding import Severity
from ebpftrace.judge.samples import Samples
from ebpftrace.judge.verdict import Verdict


@dataclass(frozen=True, slots=True)
class LevelDetector:
    """`bound_bytes` of held memory, or `bound_share` (0..1) of the tightest limit.

    Held is what the kernel cannot drop; page cache never counts. The share includes the
    kernel's own memory, which is charged too. Exactly one of the two is given.
    """

    bound_bytes: int | None = None
    bound_share: float | None = None
    severity: Severity = Severity.WARNING
    name: str = "level"

    def __post_init__(self) -> None:
        if (self.bound_bytes is None) == (self.bound_share is None):
            raise ValueError("give one of bound_bytes and bound_share")

    def verdict(self, samples: Samples) -> Verdict | None:
        return (
            _of_bytes(samples, self)
            if self.bound_bytes is not None
            else _of_share(samples, self)
        )


def _of_bytes(samples: Samples, settings: LevelDetector) -> Verdict | None:
    now, bound = samples.now, settings.bound_bytes
    assert bound is not None
    if now.held_bytes < bound:
        return None
    since = now.time_ns
    for one in reversed(samples.within(now.time_ns)):
        if one.held_bytes < bound:
            break
        since = one.time_ns
    told = f"holds {words.size(now.held_bytes)} (bound {words.size(bound)})"
    return Verdict(settings.severity, now.held_bytes, bound, "bytes", since, told)


def _of_share(samples: Samples, settings: LevelDetector) -> Verdict | None:
    now, bound = samples.now, settings.bound_share
    used = now.used_share
    if used is None or bound is None or used < bound or now.limit_bytes is None:
        return None
    since = now.time_ns
    for one in reversed(samples.within(now.time_ns)):
        if (one.used_share or 0) < bound:
            break
        since = one.time_ns
    told = (
        f"holds {words.size(now.held_bytes)}, {words.share(used)} of the limit of "
        f"{words.size(now.limit_bytes)} taken (bound {words.share(bound)})"
    )
    return Verdict(settings.severity, used, bound, "share", since, told)
