"""Where held memory is heading: the only estimate of when a limit will be reached."""

from typing import NamedTuple

from ebpftrace.ledger.climbs.climb import SteadyClimb
from ebpftrace.ledger.series import HeldSeries
from ebpftrace.units import NS_PER_SECOND

_RECENT_NS = 2 * 60 * NS_PER_SECOND
_SHORTEST_LOOK_NS = 5 * NS_PER_SECOND
_FAR_OFF_SECONDS = 7 * 24 * 3600.0


class Trend(NamedTuple):
    """The climb of a job or process as of its last sample, and what it leads to.

    `room_bytes` is the least room of late below the tightest limit, None without a limit:
    the peaks of a sawtooth reach it first. `tooth_bytes` is how high they stand above the
    climbing floor; it is 0 for a process. `seconds_to_limit` is None without a limit or a
    climb, or where it is more than a week.
    """

    climb: SteadyClimb | None = None
    room_bytes: int | None = None
    tooth_bytes: int = 0

    @property
    def bytes_per_second(self) -> int:
        """The rate of the climb; 0 without one, and never negative."""
        return round(self.climb.rate) if self.climb else 0

    @property
    def seconds_to_limit(self) -> float | None:
        if self.climb is None or self.room_bytes is None or self.climb.rate <= 0:
            return None
        seconds = self.room_bytes / self.climb.rate
        return seconds if seconds < _FAR_OFF_SECONDS else None


NO_TREND = Trend()


class JobSeries:
    """One job's held memory, and its room below the limit over the last two minutes."""

    __slots__ = ("_held", "_recent", "trend")

    def __init__(self) -> None:
        self._held = HeldSeries()
        # A list: an empty deque takes more than half a kilobyte, and most jobs rest.
        self._recent: list[tuple[int, int, int | None]] = []  # time, held, room
        self.trend = NO_TREND  # as of the last sample

    def add(self, now_ns: int, held_bytes: int, room_bytes: int | None) -> None:
        """A sample; `room_bytes` is None where there is no limit."""
        if self._held.add(now_ns, held_bytes):
            self._recent.append((now_ns, held_bytes, room_bytes))
            while self._recent[0][0] < now_ns - _RECENT_NS:
                del self._recent[0]
            self.trend = self._calculate()

    def stay_until(self, before_ns: int) -> None:
        """All samples until then would have been as the last one."""
        if self._recent and before_ns > self._held.now_ns:
            _, held, room = self._recent[-1]
            self.add(before_ns, held, room)

    @property
    def rests(self) -> bool:
        """Whether further samples of the same values change no trend."""
        if not self._recent or not self._held.rests:
            return False
        room = self._recent[-1][2]
        return self.trend.room_bytes == (None if room is None else max(0, room))

    def _calculate(self) -> Trend:
        climb = self._held.climb
        return Trend(climb, self._least_room(), self._tooth_bytes(climb) if climb else 0)

    def _least_room(self) -> int | None:
        since = self._held.now_ns - max(_SHORTEST_LOOK_NS, self._held.tooth_ns)
        least: int | None = None
        for time_ns, _, room in reversed(self._recent):
            if time_ns < since:
                break
            if room is not None and (least is None or room < least):
                least = room
        return None if least is None else max(0, least)

    def _tooth_bytes(self, climb: SteadyClimb) -> int:
        lasted_ns = self._held.tooth_ns
        if lasted_ns == 0:
            return 0
        since, peak = self._held.now_ns - lasted_ns, 0
        for time_ns, held, _ in reversed(self._recent):
            if time_ns < since:
                break
            if held > peak:
                peak = held
        climbed = climb.rate * lasted_ns / NS_PER_SECOND
        return max(0, round(peak - self._held.floor.at(since) - climbed))
