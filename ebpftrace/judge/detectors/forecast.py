"""forecast: at the rate of its steady climb the limit will be reached. It is not a leak yet."""

import math
from dataclasses import dataclass
from typing import ClassVar

from ebpftrace.judge import words
from ebpftrace.judge.detector import Detector, Verdict
from ebpftrace.judge.finding import FindingUnit, Severity
from ebpftrace.judge.samples import Samples

NAME = "forecast"

_SHORT_S, _LONG_S = 20.0, 600.0
_LEAST = 0.8  # of the bound is asked however high the teeth


@dataclass(frozen=True, slots=True)
class ForecastDetector(Detector):
    """A steady climb that has used up much of the room it began with.

    After a climb of up to 20 s that is `short_share` of the room; the longer it lasts the
    less is asked, down to `long_share` after 10 min. Compilers and linkers climb like this
    too, and end well: so it is a notice, and a warning `near_seconds` before the limit. A
    job that is inside its own past stays a notice.
    """

    short_share: float = 0.62
    long_share: float = 0.52
    near_seconds: float = 10.0
    name: str = NAME

    units: ClassVar = frozenset({FindingUnit.SHARE})
    measures_gain: ClassVar = True
    sample_every_ns: ClassVar = None
    bytes_to_bound: ClassVar = None

    def verdict(self, samples: Samples) -> Verdict | None:
        climb, room = samples.climb, samples.trend.room_bytes
        left = samples.trend.seconds_to_limit
        if climb is None or room is None or left is None:
            return None
        used = climb.gain_bytes / max(1, climb.gain_bytes + room)
        teeth = samples.trend.tooth_bytes
        bound = self.bound_share(climb.seconds, teeth / max(1, climb.gain_bytes + room + teeth))
        if used < bound:
            return None
        near = left < self.near_seconds and not samples.inside_past
        sentence = (
            f"{words.climbed(samples, climb)}, {words.share(used)} of the room it began with"
            f"{words.ahead(samples.now, samples.trend)}"
        )
        return Verdict(
            Severity.WARNING if near else Severity.NOTICE, used, bound, FindingUnit.SHARE,
            climb.since_ns, sentence, left, climb.half_bytes,
        )  # fmt: skip

    def bound_share(self, seconds: float, teeth: float = 0.0) -> float:
        """What share of its room a climb of so many seconds may use up.

        `teeth` is the share that a sawtooth takes of that room with its own height: the
        peaks have come further than the floor, so less is asked of it, to four fifths.
        """
        way = math.log(max(seconds, _SHORT_S) / _SHORT_S) / math.log(_LONG_S / _SHORT_S)
        bound = self.short_share + (self.long_share - self.short_share) * min(1.0, way)
        return max(_LEAST * bound, (bound - teeth) / (1 - teeth)) if teeth < 1 else bound


CONDITION = None
"""A policy asks for `time_to_limit` instead: nothing acts on a forecast by default."""
