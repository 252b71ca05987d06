"""What one process held over time: its growth, its climb and its curve."""

from ebpftrace.ledger.climbs.climb import SteadyClimb
from ebpftrace.ledger.curve import Curve, CurveKeeper
from ebpftrace.ledger.growth import GrowthWindow
from ebpftrace.ledger.series import HeldSeries
from ebpftrace.ledger.snapshot import GrowthRates


class ProcessHistory:
    """Own held bytes of a process. Times are CLOCK_MONOTONIC ns and never go back."""

    __slots__ = ("_curve", "_growth", "_series")

    def __init__(self, start_ns: int, held_bytes: int) -> None:
        """`held_bytes` at the start is what growth counts from."""
        self._growth = GrowthWindow()
        self._series = HeldSeries()
        self._curve = CurveKeeper()
        self._growth.add(start_ns, held_bytes)

    def add(self, now_ns: int, held_bytes: int, before_ns: int = 0) -> None:
        """Take the next sample. Until `before_ns` all was as at the last one."""
        self._growth.add(now_ns, held_bytes)
        self._series.stay_until(before_ns)
        self._series.add(now_ns, held_bytes)
        self._curve.add(now_ns, held_bytes)

    def lift(self, held_bytes: int) -> None:
        """Bytes that it shared with its parent are counted as its own: they are no growth."""
        self._growth.lift(held_bytes)
        self._curve.lift(held_bytes)
        self._series = HeldSeries()  # a jump is no climb

    def wakes_ns(self) -> int:
        """When something here next differs from now without another value; 0: at once."""
        return self._growth.wakes_ns() if self._series.rests else 0

    def growth(self, bytes_per_second: int) -> GrowthRates:
        """The gain of 10 s, 60 s and since the start; the rate is that of the trend."""
        return self._growth.growth(bytes_per_second)

    @property
    def recent_growth_bytes(self) -> int:
        """The gain of the last two seconds, or since the start."""
        return self._growth.recent_bytes

    @property
    def climb(self) -> SteadyClimb | None:
        """The steady climb that continues until now; None where there is none."""
        return self._series.climb

    def curve(self) -> Curve:
        """The last quarter of an hour."""
        return self._curve.curve()
