"""How held memory changed over the last minute, and since the first reading."""

from array import array
from bisect import bisect_right

from ebpftrace.ledger.snapshot import GrowthRates
from ebpftrace.units import NS_PER_SECOND

WINDOW_NS = 60 * NS_PER_SECOND
RECENT_NS = 2 * NS_PER_SECOND
_SLOT_NS = NS_PER_SECOND // 4  # readings closer than this share a slot: bounds the arrays
_NO_GROWTH = GrowthRates()
NEVER_NS = 1 << 63


class GrowthWindow:
    """Readings of held bytes; times are CLOCK_MONOTONIC ns.

    At most 243 slots of 16 bytes. A slot has the time of its first reading, and the last
    value read in it; slots with the value of the one before are not kept, so a subject at
    rest has two.
    """

    __slots__ = ("_first", "_moved_ns", "_slot_ns", "_still", "_times", "_values")

    def __init__(self) -> None:
        self._first: int | None = None
        self.restart()

    def restart(self) -> None:
        """The curve ended; what comes next is another one. Only the first reading stays."""
        self._times = array("q")
        self._values = array("q")
        self._moved_ns: int | None = None  # when a reading last differed from the one before
        self._slot_ns = 0  # when the last slot began, kept or not
        self._still = _NO_GROWTH  # the answer while nothing moves

    def add(self, now_ns: int, held_bytes: int) -> None:
        """Another reading; one that comes late (an event after a tick) is as of the last."""
        times, values = self._times, self._values
        # The first reading has a slot of its own: what came within it would be no growth.
        if len(times) > 1:
            is_new = now_ns - self._slot_ns >= _SLOT_NS
            if held_bytes == values[-1]:
                if is_new:
                    self._slot_ns = now_ns
            else:
                self._moved_ns = max(now_ns, self._slot_ns)
                if is_new:
                    self._slot_ns = now_ns
                if self._slot_ns == times[-1]:
                    values[-1] = held_bytes
                else:
                    times.append(self._slot_ns)
                    values.append(held_bytes)
            # One reading at or before the window's begin stays: it is what held there.
            begin = self._slot_ns - WINDOW_NS
            if len(times) > 2 and times[1] <= begin:
                over = min(bisect_right(times, begin) - 1, len(times) - 2)
                del times[:over], values[:over]
            return
        if self._first is None:
            self._first = held_bytes
        if times and held_bytes != values[-1]:
            self._moved_ns = max(now_ns, times[-1])
        self._slot_ns = now_ns
        times.append(now_ns)
        values.append(held_bytes)

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
        now, held = self._slot_ns, self._values[-1]
        moved_ns = self._moved_ns
        if moved_ns is None or moved_ns <= max(self._times[0], now - WINDOW_NS):
            # Most processes rest most of the time: that must cost next to nothing.
            total, still = held - (self._first or 0), self._still
            if total != still.bytes_total or bytes_per_second != still.bytes_per_second:
                still = GrowthRates(bytes_total=total, bytes_per_second=bytes_per_second)
                self._still = still
            return still
        return GrowthRates(
            bytes_10s=held - self._value_at(now - 10 * NS_PER_SECOND),
            bytes_60s=held - self._value_at(now - WINDOW_NS),
            bytes_total=held - (self._first or 0),
            bytes_per_second=bytes_per_second,
        )

    @property
    def recent_bytes(self) -> int:
        """The gain of the last two seconds, or since the first reading."""
        if self._moved_ns is None or self._moved_ns <= self._slot_ns - RECENT_NS:
            return 0
        return self._values[-1] - self._value_at(self._slot_ns - RECENT_NS)

    def wakes_ns(self) -> int:
        """When the growth next differs although no other value was read: a gain leaves a
        window then."""
        times, now = self._times, self._slot_ns
        if self._moved_ns is None or not times:
            return NEVER_NS
        if self._moved_ns <= max(times[0], now - WINDOW_NS):
            return NEVER_NS
        if self._moved_ns > now - RECENT_NS:
            return 0
        wakes = self._moved_ns + WINDOW_NS
        for window in (10 * NS_PER_SECOND, WINDOW_NS):
            later = bisect_right(times, now - window)
            if later < len(times):
                wakes = min(wakes, times[later] + window)
        return wakes

    def _value_at(self, now_ns: int) -> int:
        at = bisect_right(self._times, now_ns) - 1
        return self._values[at if at > 0 else 0]
