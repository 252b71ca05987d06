"""leak: there is evidence that it will not stop by itself, and not only a climb."""

from dataclasses import dataclass
from typing import ClassVar

from ebpftrace.judge import words
from ebpftrace.judge.detector import Detector, Verdict
from ebpftrace.judge.finding import FindingUnit, Severity
from ebpftrace.judge.past import JobPast
from ebpftrace.judge.samples import Samples
from ebpftrace.ledger.climb import SteadyClimb
from ebpftrace.units import MIB


@dataclass(frozen=True, slots=True)
class LeakDetector(Detector):
    """It left its own past, or it has climbed for longer than healthy jobs do.

    A job with a past is judged by that alone: outside it is critical, or a warning if the
    past itself has just changed; inside it is silent, however steep the climb.

    Without a past: `long_seconds` of a steady climb that has used up `long_share` of the
    room it began with. `near_seconds` before the limit, or with `near_share` of it taken, it
    is critical. Where there is no limit: `alone_seconds` by `alone_bytes`.
    """

    long_seconds: float = 240.0
    long_share: float = 0.6
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
        if samples.past is not None:
            return self._outside_past(samples, samples.past)
        climb = samples.climb
        if climb is None:
            return None
        room = samples.trend.room_bytes
        if room is None:
            return self._without_limit(samples, climb)
        return self._for_long(samples, climb, room)

    def _outside_past(self, samples: Samples, past: JobPast) -> Verdict | None:
        unusual = samples.unusual
        if unusual is None:
            return None
        now = samples.now
        sentence = f"{unusual.words}{words.ahead(now.limit_bytes, samples.trend)}"
        return Verdict(
            Severity.CRITICAL if past.steady else Severity.WARNING,
            now.held_bytes, unusual.most_bytes, FindingUnit.BYTES, now.time_ns, sentence,
            samples.trend.seconds_to_limit, unusual.most_bytes,
        )  # fmt: skip

    def _for_long(self, samples: Samples, climb: SteadyClimb, room: int) -> Verdict | None:
        used = climb.gain_bytes / max(1, climb.gain_bytes + room)
        if climb.seconds < self.long_seconds or used < self.long_share:
            return None
        now = samples.now
        left = samples.trend.seconds_to_limit
        near = left is not None and left <= self.near_seconds
        near = near or (now.used_share or 0.0) >= self.near_share
        sentence = (
            f"{words.climbed(samples, climb)}, {words.share(used)} of the room it began with "
            f"(bound {words.share(self.long_share)}), for longer than the "
            f"{self.long_seconds:.0f} s that healthy jobs climb"
            f"{words.ahead(now.limit_bytes, samples.trend)}"
        )
        severity = Severity.CRITICAL if near else Severity.WARNING
        return Verdict(
            severity, used, self.long_share, FindingUnit.SHARE, climb.since_ns, sentence, left,
            climb.half_bytes,
        )  # fmt: skip

    def _without_limit(self, samples: Samples, climb: SteadyClimb) -> Verdict | None:
        if climb.seconds < self.alone_seconds or climb.gain_bytes < self.alone_bytes:
            return None
        sentence = (
            f"{words.climbed(samples, climb)} (bound {words.size(self.alone_bytes)} in "
            f"{words.seconds(self.alone_seconds)}); no limit is set"
        )
        return Verdict(
            Severity.WARNING, climb.gain_bytes, self.alone_bytes, FindingUnit.BYTES,
            climb.since_ns, sentence, ends_below_bytes=climb.half_bytes,
        )  # fmt: skip


CONDITION = None
"""A policy asks for it through `builtin`, with the rest of the built-in judgement."""
