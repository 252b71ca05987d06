"""How held memory changed over the last minute, and since the first reading."""

from array import array
from bisect import bisect_right

from ebpftrace.ledger.snapshot import GrowthRates
from ebpftrace.units import NS_PER_SECOND

WINDOW_NS = 60 * NS_PER_SECOND
RECENT_NS = 2 * NS_PER_SECOND
_SLOT_NS = NS_PER_SECOND // 4  # readings closer than this share a slot: bounds the arrays
_LEAST_SLOTS = 12  # where readings are rarer, the window is longer
_NO_GROWTH = GrowthRates()


class GrowthWindow:
    """Readings of held bytes; times are CLOCK_MONOTONIC ns.

    At most 243 slots of 16 bytes. A slot has the time of its first reading, and the last
    value read in it.
    """

    __slots__ = ("_first", "_moved_ns", "_times", "_values")

    def __init__(self) -> None:
        self._first: int | None = None
        self.restart()

    def restart(self) -> None:
        """The curve ended; what comes next is another one. Only the first reading stays."""
        self._times = array("q")
        self._values = array("q")
        self._moved_ns: int | None = None  # when a reading last differed from the one before

    def add(self, now_ns: int, held_bytes: int) -> None:
        """Another reading; one that comes late (an event after a tick) is as of the last."""
        times, values = self._times, self._values
        if self._first is None:
            self._first = held_bytes
        if times and held_bytes != values[-1]:
            self._moved_ns = max(now_ns, times[-1])
        # The first reading has a slot of its own: what came within it would be no growth.
        if len(times) > 1 and now_ns - times[-1] < _SLOT_NS:
            values[-1] = held_bytes
            return
        times.append(now_ns)
        values.append(held_bytes)
        # One reading at or before the window's begin stays: it is what held there.
        over = min(bisect_right(times, now_ns - WINDOW_NS), len(times) - _LEAST_SLOTS) - 1
        if over > 0:
            del times[:over], values[:over]

    def lift(self, held_bytes: int) -> None:
        """So much was held before and is counted only now: it is no growth."""
        if self._first is not None:
            self._first += held_bytes
        for index in range(len(self._times)):
            self._values[index] += held_bytes

    def __len__(self) -> int:
        """Slots kept."""
        return len(self._times)

    @property
    def total_bytes(self) -> int:
        """The last reading against the first one ever; 0 without any."""
        return self._values[-1] - (self._first or 0) if self._values else 0

    def growth_to(self, held_bytes: int) -> int:
        """A value that was read between two readings, against the first one ever."""
        return held_bytes - (self._first or 0)

    def growth(self, bytes_per_second: int = 0) -> GrowthRates:
        """As of the last reading; the rate is that of the subject's `Trend`."""
        if not self._times:
            return GrowthRates()
        now, held = self._times[-1], self._values[-1]
        if self._moved_ns is None or self._moved_ns <= self._times[0]:
            # Most processes rest most of the time: that must cost next to nothing.
            total = held - (self._first or 0)
            if not total and not bytes_per_second:
                return _NO_GROWTH
            return GrowthRates(bytes_total=total, bytes_per_second=bytes_per_second)
        return GrowthRates(
            bytes_10s=held - self._value_at(now - 10 * NS_PER_SECOND),
            bytes_60s=held - self._value_at(now - WINDOW_NS),
            bytes_total=held - (self._first or 0),
            bytes_per_second=bytes_per_second,
        )

    @property
    def recent_bytes(self) -> int:
        """The gain of the last two seconds, or since the first reading."""
        if self._moved_ns is None or self._moved_ns <= self._times[-1] - RECENT_NS:
            return 0
        return self._values[-1] - self._value_at(self._times[-1] - RECENT_NS)

    def _value_at(self, now_ns: int) -> int:
        at = bisect_right(self._times, now_ns) - 1
        return self._values[at if at > 0 else 0]
