"""What one process held over time: its growth, its climb and its curve."""

from ebpftrace.ledger.climbs.climb import SteadyClimb
from ebpftrace.ledger.curve import Curve, CurveKeeper, flat_curve
from ebpftrace.ledger.growth import NEVER_NS, GrowthWindow
from ebpftrace.ledger.series import HeldSeries
from ebpftrace.ledger.snapshot import GrowthRates
from ebpftrace.units import NS_PER_SECOND

_NO_GROWTH = GrowthRates()


class _Parts:
    """What is kept of a process that was not always at rest."""

    __slots__ = ("curve", "growth", "series")

    def __init__(self) -> None:
        self.growth = GrowthWindow()
        self.series = HeldSeries()
        self.curve = CurveKeeper()


class ProcessHistory:
    """Own held bytes of a process. Times are CLOCK_MONOTONIC ns and never go back.

    Most processes hold until their end what they held at their first sample, and there may be
    tens of thousands: of these that value is all that is kept.
    """

    __slots__ = ("_first_ns", "_held", "_parts", "_start_ns")

    def __init__(self, start_ns: int, held_bytes: int) -> None:
        """`held_bytes` at the start is what growth counts from."""
        self._start_ns, self._held = start_ns, held_bytes
        self._first_ns: int | None = None  # the only sample, as long as there are no parts
        self._parts: _Parts | None = None

    def _unfold(self) -> _Parts:
        if self._parts is None:
            parts = self._parts = _Parts()
            parts.growth.add(self._start_ns, self._held)
            if self._first_ns is not None:
                parts.growth.add(self._first_ns, self._held)
                parts.series.add(self._first_ns, self._held)
                parts.curve.add(self._first_ns, self._held)
        return self._parts

    def add(self, now_ns: int, held_bytes: int, before_ns: int = 0) -> None:
        """Take the next sample. Until `before_ns` all was as at the last one."""
        if self._parts is None and self._first_ns is None and held_bytes == self._held:
            self._first_ns = now_ns
            return
        parts = self._unfold()
        parts.growth.add(now_ns, held_bytes)
        parts.series.stay_until(before_ns)
        parts.series.add(now_ns, held_bytes)
        parts.curve.add(now_ns, held_bytes)

    def lift(self, held_bytes: int) -> None:
        """Bytes that it shared with its parent are counted as its own: they are no growth."""
        parts = self._unfold()
        parts.growth.lift(held_bytes)
        parts.curve.lift(held_bytes)
        parts.series = HeldSeries()  # a jump is no climb

    def wakes_ns(self) -> int:
        """When something here next differs from now without another value; 0: at once."""
        parts = self._parts
        if parts is None:
            return 0 if self._first_ns is None else NEVER_NS
        return parts.growth.wakes_ns() if parts.series.rests else 0

    def growth(self, bytes_per_second: int) -> GrowthRates:
        """The gain of 10 s, 60 s and since the start; the rate is that of the trend."""
        if self._parts is not None:
            return self._parts.growth.growth(bytes_per_second)
        return (
            GrowthRates(bytes_per_second=bytes_per_second) if bytes_per_second else _NO_GROWTH
        )

    @property
    def recent_growth_bytes(self) -> int:
        """The gain of the last two seconds, or since the start."""
        return 0 if self._parts is None else self._parts.growth.recent_bytes

    @property
    def climb(self) -> SteadyClimb | None:
        """The steady climb that continues until now; None where there is none."""
        return None if self._parts is None else self._parts.series.climb

    def curve(self) -> Curve:
        """The last quarter of an hour."""
        if self._parts is not None:
            return self._parts.curve.curve()
        if self._first_ns is None:
            return Curve()
        return flat_curve(self._held, self._first_ns // NS_PER_SECOND)
