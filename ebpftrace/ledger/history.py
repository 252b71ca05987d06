"""The last minute of one curve of held bytes, and how it grew."""

from collections import deque

from ebpftrace.ledger.snapshot import Growth
from ebpftrace.units import NS_PER_SECOND

WINDOW_NS = 60 * NS_PER_SECOND
WARM_UP_NS = 9 * NS_PER_SECOND
"""Younger curves have no rate: every program grows in its first seconds."""

_FINEST_NS = NS_PER_SECOND // 5  # 300 samples a minute at most, whatever the interval


class History:
    """Samples of the last 60 s, and the first one ever."""

    __slots__ = ("_first", "_samples")

    def __init__(self) -> None:
        self._samples: deque[tuple[int, int]] = deque()
        self._first = 0

    def add(self, now_ns: int, held_bytes: int) -> None:
        """A sample; one that comes too soon after the last replaces it."""
        samples = self._samples
        if not samples:
            self._first = held_bytes
        elif len(samples) > 1 and now_ns - samples[-2][0] < _FINEST_NS:
            samples.pop()
        samples.append((now_ns, held_bytes))
        while len(samples) > 1 and samples[1][0] <= now_ns - WINDOW_NS:
            samples.popleft()  # one older than the window is kept: it begins it

    def growth(self) -> Growth:
        """Of the latest sample against the earlier ones."""
        if not self._samples:
            return Growth()
        _now, held = self._samples[-1]
        return Growth(
            bytes_10s=held - self._before(10 * NS_PER_SECOND),
            bytes_60s=held - self._samples[0][1],
            bytes_total=held - self._first,
            bytes_per_second=self._floor_rate(),
        )

    def _before(self, ns: int) -> int:
        now = self._samples[-1][0]
        value = self._samples[0][1]
        for at, held in self._samples:
            if at > now - ns:
                break
            value = held
        return value

    def _floor_rate(self) -> int:
        """Rise of the floor from the middle to the last third of the window, per second.

        A floor is the lowest value of its third: a collector's sawtooth shorter than a
        third has none that rises, a plateau has none once it lasted two thirds, and a
        straight climb has its true slope.
        """
        (start, _), (now, _) = self._samples[0], self._samples[-1]
        span = min(now - start, WINDOW_NS)
        if span < WARM_UP_NS:
            return 0
        third = span // 3
        middle = [
            (at, held) for at, held in self._samples if now - 2 * third <= at < now - third
        ]
        last = [(at, held) for at, held in self._samples if at >= now - third]
        if not middle:
            return 0
        then, before = min(middle, key=lambda sample: sample[1])
        when, after = min(last, key=lambda sample: sample[1])
        return (after - before) * NS_PER_SECOND // max(1, when - then, third)


def _held(sample: tuple[int, int]) -> int:
    return sample[1]
