"""How steadily the floor has been climbing, and for how long: the only estimate of a rate.

The snapshot, the views and the judge all show this one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ebpftrace.ledger.floor import KEPT_NS, Floor
from ebpftrace.units import MIB, NS_PER_SECOND

WARM_UP_NS = 8 * NS_PER_SECOND
"""A younger series has no rate yet, and a shorter rise is no climb."""

POINTS = 10
_THIRD = POINTS // 3
_LEAST_BYTES = MIB  # a resting process gains and loses some pages all the time
_SCALE = 1.15  # each span that is tried is shorter by this factor than the one before
_LONGEST_TOOTH_NS = 45 * NS_PER_SECOND
_NEW_HIGH = 1.1  # so far above the last peaks it is not another tooth like those before
_STEADY = 0.5  # of the gain, what the median slope explains: one jump has none
_STILL = 0.4  # of the median slope, what the last third must have
_ALREADY = 0.2  # of the median slope, what the first third must have


class FloorSeries(Protocol):
    """What the estimate needs of a series."""

    floor: Floor
    now_ns: int
    held_bytes: int

    @property
    def age_ns(self) -> int: ...

    @property
    def tooth_ns(self) -> int: ...

    @property
    def peak_before_bytes(self) -> int: ...


@dataclass(frozen=True, slots=True)
class SteadyClimb:
    """The floor rose by `gain_bytes` from `since_ns` on, at `rate` bytes a second.

    `half_bytes` is half of the way up: with less held, most of it was given back.
    """

    since_ns: int
    seconds: float
    gain_bytes: int
    rate: float
    half_bytes: int = 0


def steadiest(series: FloorSeries) -> SteadyClimb | None:
    """The longest steady climb that continues until now, or None.

    Spans of time are tried from the longest to the shortest. The floor's slope over one is
    the median of the slopes between all pairs of ten points (Theil 1950, Sen 1968), which
    one jump does not move: a burst before a plateau has none, a staircase has its own.
    A span whose last third is a plateau is no climb.
    """
    floor, now = series.floor, series.now_ns
    if not len(floor) or floor.rise < _LEAST_BYTES:
        return None  # as most of the time
    at = floor.at
    end = now - _unsure_ns(series)
    last = at(end)
    span = min(series.age_ns, KEPT_NS)
    while end - (now - span) >= WARM_UP_NS:
        start = now - span
        # What a span lacks here, every shorter one lacks too: a floor never falls.
        if last - at(start) < _LEAST_BYTES or last == at(_point(start, end, -1 - _THIRD)):
            return None
        climb = _fit(at, start, end, now)
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
    return min(series.tooth_ns, _LONGEST_TOOTH_NS)


def _point(start: int, end: int, number: int) -> int:
    return start + (end - start) * (number % POINTS) // (POINTS - 1)


def _fit(at: Callable[[int], int], start: int, end: int, now: int) -> SteadyClimb | None:
    """The climb over one span, if it is steady."""
    values = [at(_point(start, end, number)) for number in range(POINTS)]
    gain = values[-1] - values[0]
    seconds = (end - start) / NS_PER_SECOND
    step = seconds / (POINTS - 1)
    slopes = sorted(
        (values[j] - values[i]) / ((j - i) * step)
        for i in range(POINTS)
        for j in range(i + 1, POINTS)
    )
    rate = slopes[len(slopes) // 2]  # of 45; the module statistics would cost 4 MB
    recent = (values[-1] - values[-1 - _THIRD]) / (_THIRD * step)
    early = (values[_THIRD] - values[0]) / (_THIRD * step)
    if rate * seconds < gain * _STEADY:
        return None
    if recent < rate * _STILL or early < rate * _ALREADY:
        return None
    return SteadyClimb(start, (now - start) / NS_PER_SECOND, gain, rate, values[0] + gain // 2)
