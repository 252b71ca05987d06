"""What one job held over time: its growth, its trend and its curves."""

from typing import NamedTuple

from ebpftrace.ledger.curve import Curve, CurveKeeper, flat_curve
from ebpftrace.ledger.growth import NEVER_NS, GrowthWindow
from ebpftrace.ledger.snapshot import GrowthRates
from ebpftrace.ledger.trend import NO_TREND, JobSeries, Trend
from ebpftrace.units import NS_PER_SECOND

_FORGET_NS = 30 * NS_PER_SECOND
_NO_GROWTH = GrowthRates()


class JobReading(NamedTuple):
    """A job at one moment, in bytes.

    `own_bytes` is what its processes hold, None while it has none. `held_bytes` is what
    the kernel cannot drop: of the whole cgroup where that is the job's alone.
    """

    own_bytes: int | None
    held_bytes: int
    charge_bytes: int
    room_bytes: int | None  # None: no limit


class _JobParts:
    """What is kept of a job that was not always at rest."""

    __slots__ = ("charge", "curve", "growth", "held", "series")

    def __init__(self) -> None:
        self.growth = GrowthWindow()
        self.curve = CurveKeeper()
        self.begin()

    def begin(self) -> None:
        """Begin trend and evidence anew."""
        self.series = JobSeries()
        self.held = CurveKeeper()
        self.charge = CurveKeeper()

    def add(self, now_ns: int, reading: JobReading, before_ns: int) -> None:
        self.series.stay_until(before_ns)
        if reading.own_bytes is not None:
            self.growth.add(now_ns, reading.own_bytes)
            self.curve.add(now_ns, reading.own_bytes)
        self.series.add(now_ns, reading.held_bytes, reading.room_bytes)
        self.held.add(now_ns, reading.held_bytes)
        self.charge.add(now_ns, reading.charge_bytes)


class JobHistory:
    """The readings of a job. Times are CLOCK_MONOTONIC ns and never go back.

    Growth and `curve` are of what its processes hold; the trend and `evidence_curves` of
    what is judged. Most jobs sleep, and there may be thousands: of one that has been at rest
    since its start only that reading is kept.
    """

    __slots__ = ("_added_ns", "_first", "_first_ns", "_parts", "_start_bytes", "_start_ns")

    def __init__(self) -> None:
        self._added_ns = 0
        self._start_ns: int | None = None  # this and the next three only without parts
        self._start_bytes = 0
        self._first: JobReading | None = None  # the only sample
        self._first_ns = 0
        self._parts: _JobParts | None = None

    def _unfold(self) -> _JobParts:
        if self._parts is None:
            parts = self._parts = _JobParts()
            if self._start_ns is not None:
                parts.growth.add(self._start_ns, self._start_bytes)
            if self._first is not None:
                parts.add(self._first_ns, self._first, 0)
                self._first = None
        return self._parts

    def start(self, now_ns: int, own_bytes: int) -> None:
        """Its first process started with `own_bytes`, which growth counts from."""
        if self._parts is None and self._first is None and self._start_ns is None:
            self._start_ns, self._start_bytes = now_ns, own_bytes
        else:
            self._unfold().growth.add(now_ns, own_bytes)

    @property
    def is_started(self) -> bool:
        """Whether growth has a reading since the first start or the last restart."""
        if self._parts is None:
            return self._start_ns is not None
        return len(self._parts.growth) > 0

    def lift(self, own_bytes: int) -> None:
        """Count bytes that were held before and were not tracked: they are no growth."""
        if self._parts is None and self._first is None:
            self._start_bytes += own_bytes
        else:
            self._unfold().growth.lift(own_bytes)

    def restart(self) -> None:
        """Its last process left. Growth over a window begins anew with the next one."""
        self._unfold().growth.restart()

    def add(self, now_ns: int, reading: JobReading, before_ns: int = 0) -> None:
        """Take the next sample. Until `before_ns` all was as at the last one."""
        self._added_ns = now_ns
        is_first = self._parts is None and self._first is None and self._start_ns is not None
        if is_first and reading.own_bytes == self._start_bytes:
            self._first, self._first_ns = reading, now_ns
        else:
            self._unfold().add(now_ns, reading, before_ns)

    def stay(self, now_ns: int) -> None:
        """A sample would be as the last one."""
        self._added_ns = now_ns

    def wakes_ns(self) -> int:
        """When something here next differs from now without another value; 0: at once."""
        parts = self._parts
        if parts is None:
            return 0 if self._first is None else NEVER_NS
        return parts.growth.wakes_ns() if parts.series.rests else 0

    def forget_old(self, now_ns: int) -> bool:
        """Drop trend and evidence if the last sample is older than 30 s; True if so.

        Ended jobs are many, and one that returns after so long is judged anew.
        """
        is_old = now_ns - self._added_ns > _FORGET_NS
        if is_old:
            self._added_ns = now_ns
            self._unfold().begin()
        return is_old

    def growth(self, bytes_per_second: int) -> GrowthRates:
        """The gain of 10 s, 60 s and since the start; the rate is that of the trend."""
        if self._parts is not None:
            return self._parts.growth.growth(bytes_per_second)
        if not bytes_per_second or self._start_ns is None:
            return _NO_GROWTH
        return GrowthRates(bytes_per_second=bytes_per_second)

    def growth_to(self, own_bytes: int) -> int:
        """The gain since the start if the job holds `own_bytes`."""
        if self._parts is not None:
            return self._parts.growth.growth_to(own_bytes)
        return own_bytes if self._start_ns is None else own_bytes - self._start_bytes

    @property
    def total_growth_bytes(self) -> int:
        """The gain from the start to the last sample."""
        return 0 if self._parts is None else self._parts.growth.total_bytes

    @property
    def trend(self) -> Trend:
        """The steady climb and the room below the limit, as of the last sample."""
        if self._parts is not None:
            return self._parts.series.trend
        room = None if self._first is None else self._first.room_bytes
        return NO_TREND if room is None else Trend(room_bytes=max(0, room))

    def curve(self) -> Curve:
        """What its processes held in the last quarter of an hour."""
        if self._parts is not None:
            return self._parts.curve.curve()
        if self._first is None:
            return Curve()
        return flat_curve(self._start_bytes, self._first_ns // NS_PER_SECOND)

    def evidence_curves(self) -> tuple[Curve, Curve]:
        """Held and charged bytes of the last quarter of an hour."""
        if self._parts is not None:
            return self._parts.held.curve(), self._parts.charge.curve()
        first, second = self._first, self._first_ns // NS_PER_SECOND
        if first is None:
            return Curve(), Curve()
        return flat_curve(first.held_bytes, second), flat_curve(first.charge_bytes, second)
