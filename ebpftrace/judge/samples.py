"""The history of one subject that the detectors read: recent samples, floor and trend."""

from bisect import bisect_right
from collections.abc import Iterable
from copy import copy
from operator import attrgetter

from ebpftrace.judge.past import Departure, JobPast
from ebpftrace.judge.sample import Sample
from ebpftrace.ledger.climbs.climb import SteadyClimb
from ebpftrace.ledger.climbs.floor import FINE_NS, Floor
from ebpftrace.ledger.series import CLOSEST_NS, DIP_NS
from ebpftrace.ledger.trend import NO_TREND, Trend
from ebpftrace.units import MIB, NS_PER_SECOND

_LEAST_CLIMB_BYTES = 8 * MIB
"""A smaller climb is shown, and not judged."""

_time_ns = attrgetter("time_ns")


class Samples:
    """Two minutes of samples. Bounded; at least one sample.

    The ledger has the longer history: its floor and its climb, of which `trend` is what
    follows. Samples keep what it does not: counters over time, and kinds of memory. A
    condition over a window of more than two minutes also needs the lowest value in a window
    of that length, for which a floor is kept from the first `keep_floor` on. `past` are the
    job's earlier runs, where it has some.
    """

    __slots__ = ("_before_later", "_floor", "_recent", "first_ns", "past", "trend")

    def __init__(
        self, first: Sample, trend: Trend = NO_TREND, past: JobPast | None = None
    ) -> None:
        self.first_ns = first.time_ns
        self.past = past
        self._floor: Floor | None = None
        self._before_later = self  # these samples without later ones: see `with_later`
        # A list: an empty deque takes more than half a kilobyte, and most jobs rest.
        self._recent: list[Sample] = []
        self.add(first, trend)

    def add(self, sample: Sample, trend: Trend = NO_TREND) -> None:
        """The next sample. It takes the place of the last, if that is close to the one before.

        Close is less than a quarter of a second. A sample with another OOM kill keeps its
        place, and so does one near the limit. The newest always counts: what held the memory
        may have ended since the one before. `trend` is the ledger's.
        """
        self.trend = trend
        recent = self._recent
        if len(recent) > 1:
            before, last = recent[-2], recent[-1]
            close = last.time_ns - before.time_ns < CLOSEST_NS
            if close and last.oom_kills == before.oom_kills and not last.is_near_limit:
                recent.pop()
        recent.append(sample)
        if self._floor is not None:
            self._floor.add(sample.time_ns, _without_dips(self.within(DIP_NS)))
        while recent[0].time_ns < sample.time_ns - FINE_NS:
            del recent[0]

    def stay_until(self, before_ns: int, step_ns: int) -> None:
        """Fill in the samples until then, `step_ns` apart: they would have been as the last."""
        last = self.now
        step_ns = max(CLOSEST_NS, step_ns)
        missing = min((before_ns - last.time_ns) // step_ns, FINE_NS // step_ns)
        for number in range(missing - 1, -1, -1):
            at_ns = before_ns - number * step_ns
            age_ns = last.age_ns + at_ns - last.time_ns
            self.add(last._replace(time_ns=at_ns, age_ns=age_ns), self.trend)

    def with_later(self, later: Iterable[Sample]) -> "Samples":
        """A copy with some later samples, which are not in its floor and not in its trend."""
        extended = copy(self)
        newer = (sample for sample in later if sample.time_ns > self.now.time_ns)
        extended._recent = [*self._recent, *newer]
        return extended

    def keep_floor(self) -> Floor:
        """The floor of up to six hours, without what `with_later` added.

        It begins with the samples of the last two minutes, or with the first sample if it
        has been asked for since then. Most subjects have no condition that needs it.
        """
        samples = self._before_later
        if samples._floor is None:
            samples._floor = Floor()
            recent = samples._recent
            first = 0
            for number, sample in enumerate(recent):
                while recent[first].time_ns < sample.time_ns - DIP_NS:
                    first += 1
                held = _without_dips(recent[first : number + 1])
                samples._floor.add(sample.time_ns, held)
        return samples._floor

    @property
    def now(self) -> Sample:
        """The latest sample."""
        return self._recent[-1]

    @property
    def age_ns(self) -> int:
        """Since the first sample."""
        return self.now.time_ns - self.first_ns

    @property
    def climb(self) -> SteadyClimb | None:
        """The climb of the trend, if it is large enough to be judged, as of the latest sample.

        The floor fills dips of a second, so less may be held now than at its top. The gain is
        what is left of it now; with less than half of it left there is no climb.
        """
        climb = self.trend.climb
        if climb is None:
            return None
        held = self.now.held_bytes
        if held < climb.half_bytes:
            return None
        if held < climb.top_bytes:
            gain = climb.gain_bytes - (climb.top_bytes - held)
            climb = climb._replace(gain_bytes=gain)
        return climb if climb.gain_bytes >= _LEAST_CLIMB_BYTES else None

    @property
    def unusual(self) -> Departure | None:
        """How the latest sample differs from the job's past; None where it does not."""
        if self.past is None:
            return None
        now = self.now
        return self.past.unusual(now.age_ns / NS_PER_SECOND, now.held_bytes, now.limit_bytes)

    @property
    def inside_past(self) -> bool:
        """Whether the job has a past, and the latest sample is inside it."""
        return self.past is not None and self.unusual is None

    def before(self, ns: int) -> Sample:
        """The sample of `ns` ago, or the oldest of the last two minutes."""
        later = bisect_right(self._recent, self.now.time_ns - ns, key=_time_ns)
        return self._recent[max(0, later - 1)]

    def within(self, ns: int) -> list[Sample]:
        """The samples of the last `ns`, at most two minutes, oldest first."""
        at = self.now.time_ns - ns
        found = []
        for sample in reversed(self._recent):
            if sample.time_ns < at:
                break
            found.append(sample)
        return found[::-1]

    def lowest(self, ns: int) -> tuple[int, int]:
        """When in the last `ns` least was held, and how much; beyond two minutes, its floor."""
        at = self.now.time_ns - ns
        if ns > FINE_NS and (step := self.keep_floor().step(at))[0] >= at:
            return step
        found = min(self.within(ns), key=lambda sample: (sample.held_bytes, -sample.time_ns))
        return found.time_ns, found.held_bytes


def _without_dips(near: list[Sample]) -> int:
    """The most held in so short a time that less held in it counts as a dip."""
    return max(sample.held_bytes for sample in near)
