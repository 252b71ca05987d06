"""leak: there is evidence that it will not stop by itself, and not only a climb."""

from dataclasses import dataclass
from typing import ClassVar

from ebpftrace.judge import words
from ebpftrace.judge.detector import Detector, Verdict
from ebpftrace.judge.finding import FindingUnit, Severity
from ebpftrace.judge.past import JobPast
from ebpftrace.judge.samples import Samples
from ebpftrace.ledger.climbs.climb import SteadyClimb
from ebpftrace.units import MIB


@dataclass(frozen=True, slots=True)
class LeakDetector(Detector):
    """It left its own past, or it has climbed for longer than healthy jobs do.

    Each is a warning first, and critical once it climbs on near the limit.

    A job with a past is judged by that alone: inside it is silent, however steep the climb.
    Outside it is critical with `past_share` of the limit taken, while the rest lasts for
    `near_seconds` at most. A job that has changed climbs there too: it is to end well, so
    that it is learned. While the past itself has just changed it is a warning.

    Without a past: `long_seconds` of a steady climb that has used up `long_share` of the
    room it began with; critical `near_seconds` before the limit, or with `near_share` of it
    taken. Where there is no limit: `alone_seconds` by `alone_bytes`; critical after twice
    both, also outside a past.
    """

    long_seconds: float = 240.0
    long_share: float = 0.6
    near_seconds: float = 20.0
    near_share: float = 0.85
    past_share: float = 0.9
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
        sentence = f"{unusual.words}{words.ahead(now, samples.trend)}"
        near = past.steady and self._climbs_near(samples)
        return Verdict(
            Severity.CRITICAL if near else Severity.WARNING,
            now.held_bytes, unusual.most_bytes, FindingUnit.BYTES, now.time_ns, sentence,
            samples.trend.seconds_to_limit, unusual.most_bytes,
        )  # fmt: skip

    def _climbs_near(self, samples: Samples) -> bool:
        climb = samples.climb
        if climb is None:
            return False
        if samples.trend.room_bytes is None:
            return self._lasts(climb)
        return self._soon(samples) and _used(samples) >= self.past_share

    def _for_long(self, samples: Samples, climb: SteadyClimb, room: int) -> Verdict | None:
        used = climb.gain_bytes / max(1, climb.gain_bytes + room)
        if climb.seconds < self.long_seconds or used < self.long_share:
            return None
        near = self._soon(samples) or _used(samples) >= self.near_share
        sentence = (
            f"{words.climbed(samples, climb)}, {words.share(used)} of the room it began with "
            f"(bound {words.share(self.long_share)}), for longer than the "
            f"{self.long_seconds:.0f} s that healthy jobs climb"
            f"{words.ahead(samples.now, samples.trend)}"
        )
        return Verdict(
            Severity.CRITICAL if near else Severity.WARNING,
            used, self.long_share, FindingUnit.SHARE, climb.since_ns, sentence,
            samples.trend.seconds_to_limit, climb.half_bytes,
        )  # fmt: skip

    def _without_limit(self, samples: Samples, climb: SteadyClimb) -> Verdict | None:
        if climb.seconds < self.alone_seconds or climb.gain_bytes < self.alone_bytes:
            return None
        sentence = (
            f"{words.climbed(samples, climb)} (bound {words.size(self.alone_bytes)} in "
            f"{words.seconds(self.alone_seconds)}); no limit is set"
        )
        return Verdict(
            Severity.CRITICAL if self._lasts(climb) else Severity.WARNING,
            climb.gain_bytes, self.alone_bytes, FindingUnit.BYTES, climb.since_ns, sentence,
            ends_below_bytes=climb.half_bytes,
        )  # fmt: skip

    def _soon(self, samples: Samples) -> bool:
        left = samples.trend.seconds_to_limit
        return left is not None and left <= self.near_seconds

    def _lasts(self, climb: SteadyClimb) -> bool:
        """Whether a climb without a limit is twice as long and as large as one to report."""
        long = climb.seconds >= 2 * self.alone_seconds
        return long and climb.gain_bytes >= 2 * self.alone_bytes


def _used(samples: Samples) -> float:
    return samples.now.used_share or 0.0


CONDITION = None
"""A policy asks for it through `builtin`, with the rest of the built-in judgement."""
