"""How steadily the floor has been climbing, and for how long."""

from dataclasses import dataclass

from ebpftrace.judge.floor import KEPT_NS
from ebpftrace.judge.samples import Samples
from ebpftrace.units import MIB, NS_PER_SECOND

POINTS = 10
_SHORTEST_NS = 8 * NS_PER_SECOND
_SCALE = 1.15  # one span of time is so much longer than the one tried before
_LONGEST_TOOTH_NS = 45 * NS_PER_SECOND
_NEW_HIGH = 1.1  # so far above the last peaks it is no tooth like those before
_STEADY = 0.5  # of the gain, what the median slope explains: one jump has none
_STILL = 0.4  # of the median slope, what the last third must still have
_ALREADY = 0.2  # and what the first third must have had: before the foot there is no climb


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


def steadiest(samples: Samples, least_bytes: int = 8 * MIB) -> SteadyClimb | None:
    """The longest steady climb that still goes on, or None.

    Spans of time are tried from the longest to the shortest. The floor's slope over one is
    the median of the slopes between all pairs of ten points (Theil 1950, Sen 1968), which
    one jump does not move: a burst before a plateau has none, a staircase has its own.
    A span that ends in a plateau of a third of its length is over.
    """
    now = samples.now.time_ns
    if samples.floor.rise < least_bytes:
        return None  # as most of the time
    span = min(samples.age_ns, KEPT_NS)
    end = now - _unsure_ns(samples)
    while span >= _SHORTEST_NS:
        if (end - (now - span)) >= _SHORTEST_NS:
            climb = _climb(samples, now - span, end, least_bytes)
            if climb is not None:
                return climb
        span = int(span / _SCALE)
    return None


def _unsure_ns(samples: Samples) -> int:
    """What may yet fall like the teeth before it: so much of the end says nothing.

    Above all earlier peaks this does not hold: there every second counts.
    """
    if samples.now.held_bytes > samples.peak_before_bytes * _NEW_HIGH:
        return 0
    return min(samples.tooth_ns, _LONGEST_TOOTH_NS)


def _climb(samples: Samples, start: int, end: int, least_bytes: int) -> SteadyClimb | None:
    times = [start + (end - start) * n // (POINTS - 1) for n in range(POINTS)]
    at, third = samples.floor.at, POINTS // 3
    last = at(times[-1])
    if last - at(times[0]) < least_bytes or last == at(times[-1 - third]):
        return None  # seen at once
    values = [at(time) for time in times]
    gain = values[-1] - values[0]
    seconds = (end - start) / NS_PER_SECOND
    step = seconds / (POINTS - 1)
    slopes = sorted(
        (values[j] - values[i]) / ((j - i) * step)
        for i in range(POINTS)
        for j in range(i + 1, POINTS)
    )
    rate = slopes[len(slopes) // 2]  # of 45; the module statistics would cost 4 MB
    recent = (values[-1] - values[-1 - third]) / (third * step)
    early = (values[third] - values[0]) / (third * step)
    if rate * seconds < gain * _STEADY:
        return None
    if recent < rate * _STILL or early < rate * _ALREADY:
        return None
    seconds = (samples.now.time_ns - start) / NS_PER_SECOND
    return SteadyClimb(start, seconds, gain, rate, values[0] + gain // 2)
