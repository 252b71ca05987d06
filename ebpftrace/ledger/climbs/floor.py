"""The floor of a curve: what was never given back since.

The floor at a time is the lowest value from then until now. A collector's sawtooth does not
show in it: it steps up where memory was kept, and falls at once where it was given back.
"""

from bisect import bisect_left

KEPT_NS = 6 * 3600 * 1_000_000_000
FINE_NS = 2 * 60 * 1_000_000_000
COARSE_NS = 5 * 1_000_000_000
GRAIN = 40  # beyond two minutes, of the age of a step: how far apart two steps are at least
MAX_STEPS = 768


class Floor:
    """The steps of the floor over the last 6 h; the last two minutes at full resolution.

    A stack of rising values: a value below the topmost ones takes them away. So a sample
    costs constant time on average, and the floor at any moment is one search. `times` and
    `values` are for reading.
    """

    __slots__ = ("times", "values")

    def __init__(self) -> None:
        self.times: list[int] = []
        self.values: list[int] = []

    def add(self, time_ns: int, value: int) -> int | None:
        """Take a sample. Returns since when the curve was above it, if it fell; else None."""
        above_since: int | None = None
        while self.values and self.values[-1] >= value:
            above_since = self.times.pop()
            self.values.pop()
        self.times.append(time_ns)
        self.values.append(value)
        self._thin(time_ns)
        return above_since

    def extend(self, time_ns: int) -> None:
        """The latest value still holds: the same as `add` of that value, and cheaper."""
        self.times[-1] = time_ns
        if self.times[0] < time_ns - KEPT_NS:
            self._thin(time_ns)

    def at(self, time_ns: int) -> int:
        """The lowest value from `time_ns` until now. IndexError before the first sample."""
        index = bisect_left(self.times, time_ns)
        return self.values[index] if index < len(self.values) else self.values[-1]

    def step(self, time_ns: int) -> tuple[int, int]:
        """When it was that low (for the last time), and how low."""
        index = min(bisect_left(self.times, time_ns), len(self.values) - 1)
        return self.times[index], self.values[index]

    @property
    def rise(self) -> int:
        """From the oldest step to now."""
        return self.values[-1] - self.values[0]

    def __len__(self) -> int:
        return len(self.times)

    def _thin(self, now_ns: int) -> None:
        if self.times[0] < now_ns - KEPT_NS:
            old = bisect_left(self.times, now_ns - KEPT_NS)
            if old > 1:  # the last one before is kept: it begins the oldest step
                del self.times[: old - 1], self.values[: old - 1]
        if len(self.times) <= MAX_STEPS:
            return
        fine = bisect_left(self.times, now_ns - FINE_NS)
        kept = [0]
        for index in range(1, fine):
            grain = max(COARSE_NS, (now_ns - self.times[index]) // GRAIN)
            if self.times[index] - self.times[kept[-1]] >= grain:
                kept.append(index)
        kept += range(max(1, fine), len(self.times))
        if len(kept) > MAX_STEPS:  # samples closer than the ledger's: coarser everywhere
            kept = kept[::2] if kept[-1] in kept[::2] else [*kept[::2], kept[-1]]
        self.times = [self.times[index] for index in kept]
        self.values = [self.values[index] for index in kept]
