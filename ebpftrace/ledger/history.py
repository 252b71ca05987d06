"""How held memory moved over the last minute, and whether its floor climbs."""

from array import array
from bisect import bisect_left, bisect_right
from operator import sub

from ebpftrace.ledger.snapshot import GrowthRates
from ebpftrace.units import KIB, NS_PER_SECOND

WINDOW_NS = 60 * NS_PER_SECOND
WARM_UP_NS = 15 * NS_PER_SECOND
"""No rate is told of a curve younger than this.

A healthy gopls gains 200 MiB/s for its first seconds; fifteen are five such bursts. A
longer warm-up would miss a leak that meets its limit within the first minute.
"""

_SLOT_NS = NS_PER_SECOND // 4  # readings closer than this share a slot: bounds the arrays
_PARTS = 6
_LEFT_OUT = 2
_LEAST_SLOTS = 2 * _PARTS  # where readings are rarer, the window is longer: two a part
_LEAST_CLIMB_BYTES = 64 * KIB  # a resting process gains and loses a few pages all the time
_NO_GROWTH = GrowthRates()


class History:
    """Readings of held bytes; times are CLOCK_MONOTONIC ns.

    At most 243 slots of 24 bytes. A slot has the time of its first reading, and the last
    and the lowest value read in it.
    """

    __slots__ = ("_first", "_floors", "_moved_ns", "_times", "_values")

    def __init__(self) -> None:
        self._first: int | None = None
        self.restart()

    def restart(self) -> None:
        """The curve ended; what comes next is another one. Only the first reading stays."""
        self._times = array("q")
        self._values = array("q")
        self._floors = array("q")
        self._moved_ns: int | None = None  # when a reading last differed from the one before

    def add(self, now_ns: int, held_bytes: int) -> None:
        """Another reading; one that comes late (an event after a tick) is as of the last."""
        times, values, floors = self._times, self._values, self._floors
        if self._first is None:
            self._first = held_bytes
        if times and held_bytes != values[-1]:
            self._moved_ns = max(now_ns, times[-1])
        # The first reading has a slot of its own: what came within it would be no growth.
        if len(times) > 1 and now_ns - times[-1] < _SLOT_NS:
            values[-1] = held_bytes
            floors[-1] = min(floors[-1], held_bytes)
            return
        times.append(now_ns)
        values.append(held_bytes)
        floors.append(held_bytes)
        # One reading at or before the window's begin stays: it is what held there.
        over = min(bisect_right(times, now_ns - WINDOW_NS), len(times) - _LEAST_SLOTS) - 1
        if over > 0:
            del times[:over], values[:over], floors[:over]

    def lift(self, held_bytes: int) -> None:
        """So much was there all along and is counted only now: it is no growth."""
        if self._first is not None:
            self._first += held_bytes
        for index in range(len(self._times)):
            self._values[index] += held_bytes
            self._floors[index] += held_bytes

    def __len__(self) -> int:
        """Slots kept."""
        return len(self._times)

    @property
    def total_bytes(self) -> int:
        """The last reading against the first one ever; 0 without any."""
        return self._values[-1] - (self._first or 0) if self._values else 0

    def growth_to(self, held_bytes: int) -> int:
        """So much, read between two readings, against the first one ever."""
        return held_bytes - (self._first or 0)

    def growth(self) -> GrowthRates:
        """As of the last reading."""
        if not self._times:
            return GrowthRates()
        now, held = self._times[-1], self._values[-1]
        if self._moved_ns is None or self._moved_ns <= self._times[0]:
            # Most processes rest most of the time: it shall cost next to nothing.
            total = held - (self._first or 0)
            return GrowthRates(bytes_total=total) if total else _NO_GROWTH
        return GrowthRates(
            bytes_10s=held - self._value_at(now - 10 * NS_PER_SECOND),
            bytes_60s=held - self._value_at(now - WINDOW_NS),
            bytes_total=held - (self._first or 0),
            bytes_per_second=self._climb(),
        )

    def _value_at(self, now_ns: int) -> int:
        at = bisect_right(self._times, now_ns) - 1
        return self._values[at if at > 0 else 0]

    def _climb(self) -> int:
        """The rise of the floor, bytes per second; 0 unless it is a climb.

        The window is the last minute (the last twelve readings where they are rarer), or
        the whole curve if it is younger. Its floor at a time is the lowest reading from
        then on: it never falls, a sawtooth's is flat as far as its last trough, and a drop
        starts it anew. Of its rises between six points the two largest are left out: one
        burst, or the tooth that has not come down yet, is no climb. What is left has to
        exceed half a typical step from one reading to the next, because a trough between
        two readings is known no better than that.

        So a sawtooth of up to half the window's length has no rate, and a line its slope.
        """
        times, floors = self._times, self._floors
        now = times[-1]
        begin = max(
            times[0], min(now - WINDOW_NS, times[max(0, len(times) - 1 - _LEAST_SLOTS)])
        )
        span = now - begin
        if span < WARM_UP_NS:
            return 0
        points = [bisect_left(times, begin + span * part // _PARTS) for part in range(_PARTS)]
        low = min(floors[points[-1] :])
        floor = [low] * _PARTS
        for part in range(_PARTS - 2, -1, -1):
            start, end = points[part], points[part + 1]
            if start < end:
                low = min(low, min(floors[start:end]))
            floor[part] = low
        if floor[-1] - low <= _LEAST_CLIMB_BYTES:
            return 0
        rises = sorted(
            (floor[part + 1] - floor[part], times[points[part + 1]] - times[points[part]])
            for part in range(_PARTS - 1)
        )
        kept = rises[:-_LEFT_OUT]
        climb, took_ns = sum(rise for rise, _ in kept), sum(ns for _, ns in kept)
        if climb <= _LEAST_CLIMB_BYTES or not took_ns or climb * 2 <= self._step():
            return 0
        return climb * NS_PER_SECOND // took_ns

    def _step(self) -> int:
        """The typical rise from one reading to the next, of those that rose; bytes."""
        values = self._values.tolist()
        rose = sorted(step for step in map(sub, values[1:], values) if step > 0)
        return rose[(len(rose) - 1) // 2] if rose else 0
