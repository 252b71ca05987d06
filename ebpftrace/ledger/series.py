"""Held memory over time: the floor of its curve, and the teeth of a sawtooth."""

from ebpftrace.ledger.climbs.climb import LEAST_BYTES, LONGEST_TOOTH_NS, SteadyClimb, steadiest
from ebpftrace.ledger.climbs.floor import KEPT_NS, Floor
from ebpftrace.units import NS_PER_SECOND

CLOSEST_NS = NS_PER_SECOND // 4
"""Samples that follow one another more closely are skipped."""

DIP_NS = round(1.2 * NS_PER_SECOND)
"""Shorter dips are filled: between two short children, or two steps of a pipeline."""

_TEETH_NS = 3 * 60 * NS_PER_SECOND  # a tooth is remembered for so long
_TOOTH_SHARE = 0.05  # a fall by a smaller share of what was held ends no tooth


class HeldSeries:
    """The last hours of one job or process. Bytes, and nanoseconds of CLOCK_MONOTONIC.

    Small while the subject rests: there are many, and most of them do.
    """

    __slots__ = (
        "_filled", "_first_ns", "_peak_before", "_peak_since", "_recent", "_teeth",
        "climb", "floor", "held_bytes", "now_ns", "tooth_ns",
    )  # fmt: skip

    def __init__(self) -> None:
        self.floor = Floor()
        self.now_ns = 0
        self.held_bytes = 0
        self._first_ns = 0
        # As far back as dips are filled: each is higher than all that are later.
        self._recent: list[tuple[int, int]] = []
        self._teeth: list[tuple[int, int]] = []  # when one fell, how long it had lasted
        self.tooth_ns = 0
        """How long the longest tooth of the last three minutes lasted before it fell."""
        self._peak_before = 0
        self._peak_since = 0
        self._filled = 0
        self.climb: SteadyClimb | None = None
        """The longest steady climb that continues until now; None where there is none."""

    def add(self, now_ns: int, held_bytes: int) -> bool:
        """Take a sample. False where it came too soon after the last one, and was skipped."""
        recent = self._recent
        if not recent:
            self._first_ns = now_ns
        elif now_ns - self.now_ns < CLOSEST_NS:
            return False
        self.now_ns, self.held_bytes = now_ns, held_bytes
        if len(recent) == 1 and held_bytes == self._filled:
            recent[0] = (now_ns, held_bytes)
            self.floor.extend(now_ns)
        else:
            self._move(now_ns, held_bytes)
        if self._teeth and self._teeth[0][0] < now_ns - _TEETH_NS:
            self._forget_teeth(now_ns)
        self.climb = None if self.floor.rise < LEAST_BYTES else steadiest(self)
        return True

    def stay_until(self, before_ns: int) -> None:
        """All samples until then would have been as the last one."""
        if self._recent and before_ns > self.now_ns:
            self.add(before_ns, self.held_bytes)

    @property
    def rests(self) -> bool:
        """Whether further samples of the same value change nothing but its age.

        Where the floor has risen there may be a climb yet, until its rise is so long ago that
        the last third of the longest span is a plateau: see climbs/climb.py.
        """
        if len(self._recent) != 1 or self.held_bytes != self._filled or self.climb:
            return False
        if self.floor.rise < LEAST_BYTES:
            return True
        flat_ns = self.now_ns - LONGEST_TOOTH_NS - self.floor.times[-2]
        return flat_ns > min(self.age_ns, KEPT_NS) // 3

    def _move(self, now_ns: int, held_bytes: int) -> None:
        """Take a sample of a subject that does not rest."""
        recent = self._recent
        while recent and recent[-1][1] <= held_bytes:
            recent.pop()
        recent.append((now_ns, held_bytes))
        while recent[0][0] < now_ns - DIP_NS:
            del recent[0]
        filled = recent[0][1]
        before, self._filled = self._filled or filled, filled
        above_since = self.floor.add(now_ns, filled)
        if filled > self._peak_since:
            self._peak_since = filled
        if above_since is not None and before - filled > before * _TOOTH_SHARE:
            # Where falls come often, a tooth is what lies between two of them.
            fell_ns = self._teeth[-1][0] if self._teeth else above_since
            lasted_ns = now_ns - max(above_since, fell_ns)
            self._teeth.append((now_ns, lasted_ns))
            self.tooth_ns = max(self.tooth_ns, lasted_ns)
            self._peak_before = max(self._peak_before, self._peak_since)
            self._peak_since = filled

    def _forget_teeth(self, now_ns: int) -> None:
        while self._teeth and self._teeth[0][0] < now_ns - _TEETH_NS:
            del self._teeth[0]
        self.tooth_ns = max((lasted for _, lasted in self._teeth), default=0)
        if not self._teeth:
            self._peak_before = 0

    @property
    def age_ns(self) -> int:
        """Since the first sample."""
        return self.now_ns - self._first_ns

    @property
    def peak_before_bytes(self) -> int:
        """The highest value before the last fall, where there was one lately; else 0."""
        return self._peak_before
