"""leak: how far up it is and how long its floor has been climbing, judged together."""

import math
from dataclasses import dataclass
from typing import ClassVar

from ebpftrace.judge import words
from ebpftrace.judge.detector import Detector, Verdict
from ebpftrace.judge.finding import FindingUnit, Severity
from ebpftrace.judge.samples import Samples
from ebpftrace.ledger.climb import SteadyClimb
from ebpftrace.units import MIB

_SHORT_S, _LONG_S = 20.0, 600.0
_LEAST = 0.8  # of the bound is asked however high the teeth


@dataclass(frozen=True, slots=True)
class LeakDetector(Detector):
    """A steady climb that has used up too much of the room it began with.

    After a climb of up to 20 s that is `short_share` of the room; the longer it lasts
    the less is asked, down to `long_share` after 10 min. Short and steep is what linkers,
    warm-ups and a language server's first look at a module are; they end. Without a limit
    only a climb of `alone_seconds` by `alone_bytes` is called.

    `near_seconds` before the limit, or with `near_share` of it taken, it is critical.
    """

    short_share: float = 0.62
    long_share: float = 0.52
    near_seconds: float = 20.0
    near_share: float = 0.85
    alone_seconds: float = 300.0
    alone_bytes: int = 512 * MIB
    name: str = "leak"

    units: ClassVar = frozenset({FindingUnit.SHARE, FindingUnit.BYTES})
    measures_gain: ClassVar = True
    sample_every_ns: ClassVar = None
    bytes_to_bound: ClassVar = None

    def verdict(self, samples: Samples) -> Verdict | None:
        climb = samples.climb
        if climb is None:
            return None
        room = samples.trend.room_bytes
        if room is None:
            return self._without_limit(samples, climb)
        used = climb.gain_bytes / max(1, climb.gain_bytes + room)
        teeth = samples.trend.tooth_bytes
        bound = self.bound_share(climb.seconds, teeth / max(1, climb.gain_bytes + room + teeth))
        if used < bound:
            return None
        now = samples.now
        left = samples.trend.seconds_to_limit
        near = left is not None and left <= self.near_seconds
        near = near or (now.used_share or 0.0) >= self.near_share
        sentence = (
            f"{_gained(samples, climb)}, {words.share(used)} of the room it began with "
            f"(bound {words.share(bound)}){words.ahead(now.limit_bytes, samples.trend)}"
        )
        severity = Severity.CRITICAL if near else Severity.WARNING
        return Verdict(
            severity, used, bound, FindingUnit.SHARE, climb.since_ns, sentence, left,
            climb.half_bytes,
        )  # fmt: skip

    def bound_share(self, seconds: float, teeth: float = 0.0) -> float:
        """What share of its room a climb of so many seconds may use up.

        `teeth` is the share that a sawtooth takes of that room with its own height: the
        peaks have come further than the floor, so less is asked of it, to four fifths.
        """
        way = math.log(max(seconds, _SHORT_S) / _SHORT_S) / math.log(_LONG_S / _SHORT_S)
        bound = self.short_share + (self.long_share - self.short_share) * min(1.0, way)
        return max(_LEAST * bound, (bound - teeth) / (1 - teeth)) if teeth < 1 else bound

    def _without_limit(self, samples: Samples, climb: SteadyClimb) -> Verdict | None:
        if climb.seconds < self.alone_seconds or climb.gain_bytes < self.alone_bytes:
            return None
        sentence = (
            f"{_gained(samples, climb)} (bound {words.size(self.alone_bytes)}); no limit is set"
        )
        return Verdict(
            Severity.WARNING, climb.gain_bytes, self.alone_bytes, FindingUnit.BYTES,
            climb.since_ns, sentence, ends_below_bytes=climb.half_bytes,
        )  # fmt: skip


def _gained(samples: Samples, climb: SteadyClimb) -> str:
    now = samples.now
    kinds = words.kinds(samples.before(now.time_ns - climb.since_ns), now)
    return (
        f"gained {words.size(climb.gain_bytes)} in {words.seconds(climb.seconds)} and gave "
        f"nothing back, {kinds}"
    )


CONDITION = None
"""A policy asks for it through `builtin`, with the rest of the built-in judgement."""
