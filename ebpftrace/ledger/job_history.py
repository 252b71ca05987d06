"""What one job held over time: its growth, its trend and its curves."""

from ebpftrace.ledger.curve import Curve, CurveKeeper
from ebpftrace.ledger.growth import GrowthWindow
from ebpftrace.ledger.snapshot import GrowthRates
from ebpftrace.ledger.trend import JobSeries, Trend
from ebpftrace.units import NS_PER_SECOND
from ebpftrace.values import dataclass

_FORGET_NS = 30 * NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class JobReading:
    """A job at one moment, in bytes.

    `own_bytes` is what its processes hold, None while it has none. `held_bytes` is what
    the kernel cannot drop: of the whole cgroup where that is the job's alone.
    """

    own_bytes: int | None
    held_bytes: int
    charge_bytes: int
    room_bytes: int | None  # None: no limit


class JobHistory:
    """The readings of a job. Times are CLOCK_MONOTONIC ns and never go back.

    Growth and `curve` are of what its processes hold; the trend and `evidence_curves` of
    what is judged.
    """

    __slots__ = ("_added_ns", "_charge", "_curve", "_growth", "_held", "_series")

    def __init__(self) -> None:
        self._growth = GrowthWindow()
        self._curve = CurveKeeper()
        self._begin(0)

    def _begin(self, now_ns: int) -> None:
        self._added_ns = now_ns
        self._series = JobSeries()
        self._held = CurveKeeper()
        self._charge = CurveKeeper()

    def start(self, now_ns: int, own_bytes: int) -> None:
        """Its first process started with `own_bytes`, which growth counts from."""
        self._growth.add(now_ns, own_bytes)

    @property
    def is_started(self) -> bool:
        """Whether growth has a reading since the first start or the last restart."""
        return len(self._growth) > 0

    def lift(self, own_bytes: int) -> None:
        """Count bytes that were held before and were not tracked: they are no growth."""
        self._growth.lift(own_bytes)

    def restart(self) -> None:
        """Its last process left. Growth over a window begins anew with the next one."""
        self._growth.restart()

    def add(self, now_ns: int, reading: JobReading, before_ns: int = 0) -> None:
        """Take the next sample. Until `before_ns` all was as at the last one."""
        self._added_ns = now_ns
        self._series.stay_until(before_ns)
        if reading.own_bytes is not None:
            self._growth.add(now_ns, reading.own_bytes)
            self._curve.add(now_ns, reading.own_bytes)
        self._series.add(now_ns, reading.held_bytes, reading.room_bytes)
        self._held.add(now_ns, reading.held_bytes)
        self._charge.add(now_ns, reading.charge_bytes)

    def stay(self, now_ns: int) -> None:
        """A sample would be as the last one."""
        self._added_ns = now_ns

    def wakes_ns(self) -> int:
        """When something here next differs from now without another value; 0: at once."""
        return self._growth.wakes_ns() if self._series.rests else 0

    def forget_old(self, now_ns: int) -> bool:
        """Drop trend and evidence if the last sample is older than 30 s; True if so.

        Ended jobs are many, and one that returns after so long is judged anew.
        """
        is_old = now_ns - self._added_ns > _FORGET_NS
        if is_old:
            self._begin(now_ns)
        return is_old

    def growth(self, bytes_per_second: int) -> GrowthRates:
        """The gain of 10 s, 60 s and since the start; the rate is that of the trend."""
        return self._growth.growth(bytes_per_second)

    def growth_to(self, own_bytes: int) -> int:
        """The gain since the start if the job holds `own_bytes`."""
        return self._growth.growth_to(own_bytes)

    @property
    def total_growth_bytes(self) -> int:
        """The gain from the start to the last sample."""
        return self._growth.total_bytes

    @property
    def trend(self) -> Trend:
        """The steady climb and the room below the limit, as of the last sample."""
        return self._series.trend

    def curve(self) -> Curve:
        """What its processes held in the last quarter of an hour."""
        return self._curve.curve()

    def evidence_curves(self) -> tuple[Curve, Curve]:
        """Held and charged bytes of the last quarter of an hour."""
        return self._held.curve(), self._charge.curve()
