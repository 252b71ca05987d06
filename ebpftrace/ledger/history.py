"""The last minute of one curve of held bytes, and how it grew."""

from array import array
from bisect import bisect_left, bisect_right

from ebpftrace.ledger.snapshot import Growth
from ebpftrace.units import NS_PER_SECOND

WINDOW_NS = 60 * NS_PER_SECOND
WARM_UP_NS = 9 * NS_PER_SECOND
"""Younger curves have no rate: every program grows in its first seconds."""

_FINEST_NS = NS_PER_SECOND // 5  # some 300 samples a minute, however short the interval


class History:
    """Samples of the last 60 s, and the first one ever. 16 bytes a sample."""

    __slots__ = ("_first", "_held", "_times")

    def __init__(self) -> None:
        self._times = array("q")
        self._held = array("q")
        self._first: int | None = None

    def add(self, now_ns: int, held_bytes: int) -> None:
        """A sample; one that comes too soon after the last replaces it.

        One that comes late (an event read after a tick) counts as of the last.
        """
        times, held = self._times, self._held
        if self._first is None:
            self._first = held_bytes
        if times and now_ns < times[-1]:
            now_ns = times[-1]
        if len(times) > 1 and now_ns - times[-2] < _FINEST_NS:
            times.pop()
            held.pop()
        times.append(now_ns)
        held.append(held_bytes)
        over = bisect_right(times, now_ns - WINDOW_NS) - 1
        if over > 0:  # one as old as the window is kept: it begins it
            del times[:over], held[:over]

    def __len__(self) -> int:
        """Samples kept."""
        return len(self._times)

    def restart(self) -> None:
        """The curve ended; what comes next is another one. Only the first sample stays."""
        self._times, self._held = array("q"), array("q")

    @property
    def total_bytes(self) -> int:
        """The latest sample against the first one ever; 0 without any."""
        return self._held[-1] - (self._first or 0) if self._held else 0

    def growth(self) -> Growth:
        """Of the latest sample against the earlier ones."""
        if not self._held:
            return Growth()
        times, held = self._times, self._held
        now_held = held[-1]
        before_10s = bisect_right(times, times[-1] - 10 * NS_PER_SECOND) - 1
        return Growth(
            bytes_10s=now_held - held[before_10s if before_10s > 0 else 0],
            bytes_60s=now_held - held[0],  # `add` keeps one sample as old as the window
            bytes_total=now_held - (self._first or 0),
            bytes_per_second=self._floor_rate(),
        )

    def _floor_rate(self) -> int:
        """Rise of the floor from the middle to the last third of the window, per second.

        A floor is the lowest value of its third (20 s, less in a younger curve): a
        collector's sawtooth shorter than a third has none that rises, a plateau has none
        once it lasted two thirds, and a straight climb has its true slope.
        """
        times, held = self._times, self._held
        now = times[-1]
        span = min(now - times[0], WINDOW_NS)
        if span < WARM_UP_NS:
            return 0
        third = span // 3
        middle = bisect_left(times, now - 2 * third)
        last = bisect_left(times, now - third, middle)
        if middle == last:
            middle -= 1  # samples are rarer than thirds: the one before it stands for it
        before = min(held[middle:last])
        after = min(held[last:])
        if before == after:
            return 0
        # The floors of noise may lie closer together than the thirds do: no slope is made
        # steeper by that. Half a third is the least that rare samples are trusted with.
        floors = times[held.index(after, last)] - times[held.index(before, middle)]
        apart = max(floors, times[last] - times[middle], third // 2)
        return int((after - before) * NS_PER_SECOND / apart)
