"""How steadily the floor has been climbing, and for how long: the only estimate of a rate.

The snapshot, the views and the judge all show this one.
"""

from bisect import bisect_left
from collections.abc import Sequence
from operator import itemgetter, sub, truediv
from typing import NamedTuple, Protocol

from ebpftrace.ledger.climbs.floor import KEPT_NS, Floor
from ebpftrace.units import MIB, NS_PER_SECOND

WARM_UP_NS = 8 * NS_PER_SECOND
"""A younger series has no rate yet, and a shorter rise is no climb."""

POINTS = 10
_LAST = POINTS - 1
_THIRD, _TWO_THIRDS = _LAST // 3, _LAST * 2 // 3  # the points at a third and at two thirds
LEAST_BYTES = MIB  # a resting process gains and loses some pages all the time
_SCALE = 1.15  # each span that is tried is shorter by this factor than the one before
LONGEST_TOOTH_NS = 45 * NS_PER_SECOND
_NEW_HIGH = 1.1  # so far above the last peaks it is not another tooth like those before
_STEADY = 0.5  # of the gain, what the median slope explains: one jump has none
_STILL = 0.4  # of the median slope, what the last third must have
_ALREADY = 0.2  # of the median slope, what the first third must have
_PAIRS = [(i, j) for i in range(POINTS) for j in range(i + 1, POINTS)]
_earlier = itemgetter(*[i for i, _ in _PAIRS])
_later = itemgetter(*[j for _, j in _PAIRS])
_APART = [j - i for i, j in _PAIRS]

# What follows from those, and is cheaper to ask first: of the gain, what the last third and the
# first third must have (with a little less, for rounding).
_LEAST_RECENT = 0.99 * _STILL * _STEADY / 3
_LEAST_EARLY = 0.99 * _ALREADY * _STEADY / 3


class FloorSeries(Protocol):
    """What the estimate needs of a series."""

    floor: Floor
    now_ns: int
    held_bytes: int
    tooth_ns: int

    @property
    def age_ns(self) -> int: ...

    @property
    def peak_before_bytes(self) -> int: ...


class SteadyClimb(NamedTuple):
    """The floor rose by `gain_bytes` from `since_ns` on, at `rate` bytes a second.

    It ends at `top_bytes`. `half_bytes` is half of the way up: with less held, most of it was
    given back.
    """

    since_ns: int
    seconds: float
    gain_bytes: int
    rate: float
    half_bytes: int = 0
    top_bytes: int = 0


def steadiest(series: FloorSeries) -> SteadyClimb | None:
    """The longest steady climb that continues until now, or None.

    Spans of time are tried from the longest to the shortest. The floor's slope over one is
    the median of the slopes between all pairs of ten points (Theil 1950, Sen 1968), which
    one jump does not move: a burst before a plateau has none, a staircase has its own.
    A span whose last third is a plateau is no climb.
    """
    floor, now = series.floor, series.now_ns
    if not len(floor) or floor.rise < LEAST_BYTES:
        return None
    times, values = floor.times, floor.values
    end = now - _unsure_ns(series)
    last = values[bisect_left(times, end)]
    span = min(series.age_ns, KEPT_NS)
    while (length := end - now + span) >= WARM_UP_NS:
        start = now - span
        first = values[bisect_left(times, start)]
        gain = last - first
        recent = last - values[bisect_left(times, start + length * _TWO_THIRDS // _LAST)]
        # What a span lacks here, every shorter one lacks too: a floor never falls.
        if gain < LEAST_BYTES or not recent:
            return None
        if recent >= gain * _LEAST_RECENT:
            early = values[bisect_left(times, start + length * _THIRD // _LAST)] - first
            if early >= gain * _LEAST_EARLY:
                climb = _fit(times, values, start, length, now)
                if climb is not None:
                    return climb
        span = int(span / _SCALE)
    return None


def _unsure_ns(series: FloorSeries) -> int:
    """How much of the end may yet fall as the teeth before it did, and so says nothing.

    Above all earlier peaks this does not hold: there every second counts.
    """
    if series.held_bytes > series.peak_before_bytes * _NEW_HIGH:
        return 0
    return min(series.tooth_ns, LONGEST_TOOTH_NS)


def _fit(
    times: Sequence[int], values: Sequence[int], start: int, length: int, now: int
) -> SteadyClimb | None:
    """The climb over one span, if it is steady."""
    points = [
        values[bisect_left(times, start + length * number // _LAST)] for number in range(POINTS)
    ]
    gain = points[-1] - points[0]
    slopes = sorted(map(truediv, map(sub, _later(points), _earlier(points)), _APART))
    slope = slopes[len(slopes) // 2]  # of 45; the module statistics would cost 4 MB
    if slope * _LAST < gain * _STEADY:
        return None
    recent = (points[-1] - points[_TWO_THIRDS]) / _THIRD
    early = (points[_THIRD] - points[0]) / _THIRD
    if recent < slope * _STILL or early < slope * _ALREADY:
        return None
    rate = slope * _LAST * NS_PER_SECOND / length
    seconds = (now - start) / NS_PER_SECOND
    return SteadyClimb(start, seconds, gain, rate, points[0] + gain // 2, points[-1])
