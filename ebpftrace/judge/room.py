"""How much room is left above a climb, and for how long it will do."""

from ebpftrace.judge.samples import Samples
from ebpftrace.judge.slope import SteadyClimb
from ebpftrace.units import NS_PER_SECOND

_SHORTEST_LOOK_NS = 5 * NS_PER_SECOND
_FAR_OFF_SECONDS = 7 * 24 * 3600.0  # a limit further away than a week is no news


def room_bytes(samples: Samples) -> int | None:
    """The least room of late: it is the peaks of a sawtooth that reach the limit first."""
    look = max(_SHORTEST_LOOK_NS, samples.tooth_ns)
    rooms = [one.room_bytes for one in samples.within(look) if one.room_bytes is not None]
    return max(0, min(rooms)) if rooms else None


def tooth_bytes(samples: Samples, climb: SteadyClimb) -> int:
    """How high the teeth stand above the climbing floor; 0 where there were none lately."""
    look = samples.tooth_ns
    if look == 0:
        return 0
    peak = max(one.held_bytes for one in samples.within(look))
    climbed = climb.rate * look / NS_PER_SECOND
    return max(0, round(peak - samples.floor.at(samples.now.time_ns - look) - climbed))


def seconds_left(samples: Samples, climb: SteadyClimb) -> float | None:
    """Until the climb's peaks reach the limit; None without one, or beyond a week."""
    room = room_bytes(samples)
    if room is None or climb.rate <= 0:
        return None
    seconds = room / climb.rate
    return seconds if seconds < _FAR_OFF_SECONDS else None
