"""Bytes over the last quarter of an hour, thinned: for sparklines, charts and evidence.

Growth is not judged on it (see series.py): a bucket keeps only its lowest and its
highest value.
"""

import struct
from functools import lru_cache
from typing import NamedTuple

from ebpftrace.units import NS_PER_SECOND

FINE_SECONDS, FINE_BUCKETS = 1, 60
COARSE_SECONDS, COARSE_BUCKETS = 5, 180
_COARSE_NS = COARSE_SECONDS * NS_PER_SECOND
LONGEST_NS = COARSE_SECONDS * COARSE_BUCKETS * NS_PER_SECOND

_PAIR = struct.Struct("=qq")  # lowest, highest


class Curve(NamedTuple):
    """Lowest and highest bytes of every second of a minute, and of every five of 15.

    The closed buckets are packed and shared between snapshots; the last one of each
    size is still open. A tuple, because each snapshot makes one for every process.
    """

    fine: bytes = b""
    coarse: bytes = b""
    open_fine: tuple[int, int] | None = None  # None: nothing was ever noted
    open_coarse: tuple[int, int] | None = None
    second: int = 0  # of CLOCK_MONOTONIC: where the open buckets are
    last: int = 0  # the latest value, which holds until the next

    def until(self, now_ns: int) -> "Curve":
        """The curve in a snapshot of that time; it may be drawn in an earlier one."""
        if self.open_fine is None or now_ns // NS_PER_SECOND <= self.second:
            return self
        return CurveKeeper.of(self).extended(now_ns)

    def buckets(self, window_ns: int) -> tuple[int, list[tuple[int, int]]]:
        """Seconds a bucket and (lowest, highest) of each within the window, oldest first.

        The list is shorter than the window where the curve began within it.
        """
        seconds, values, last = self._values(window_ns)
        if last is None:
            return seconds, []
        return seconds, [*zip(values[::2], values[1::2], strict=True), last]

    def highest(self, window_ns: int) -> tuple[int, list[int]]:
        """Seconds a bucket and the highest value of each, as `buckets` has them."""
        seconds, values, last = self._values(window_ns)
        return seconds, [] if last is None else [*values[1::2], last[1]]

    def _values(self, window_ns: int) -> tuple[int, list[int], tuple[int, int] | None]:
        """The closed buckets in the window as one list of pairs, and the open one."""
        if window_ns <= FINE_SECONDS * FINE_BUCKETS * NS_PER_SECOND:
            seconds, packed, last = FINE_SECONDS, self.fine, self.open_fine
        else:
            seconds, packed, last = COARSE_SECONDS, self.coarse, self.open_coarse
        closed = max(1, window_ns // (seconds * NS_PER_SECOND)) - 1
        size = min(len(packed), closed * _PAIR.size)
        return seconds, memoryview(packed)[len(packed) - size :].cast("q").tolist(), last


@lru_cache(maxsize=1024)
def flat_curve(held_bytes: int, second: int) -> Curve:
    """The curve of a single sample; the same object for many subjects that are alike."""
    both = (held_bytes, held_bytes)
    return Curve(open_fine=both, open_coarse=both, second=second, last=held_bytes)


def floor_at(curve: Curve, at_ns: int) -> int | None:
    """The value at the end of the second (or the five) of a moment of CLOCK_MONOTONIC.

    If it fell further within the next, the lowest there. None where the curve begins later;
    of a moment before the last 15 minutes, the oldest.
    """
    at, closed = at_ns // NS_PER_SECOND, 0
    for seconds, packed, last in (
        (FINE_SECONDS, curve.fine, curve.open_fine),
        (COARSE_SECONDS, curve.coarse, curve.open_coarse),
    ):
        if last is None:
            return None
        if at > curve.second:
            return curve.last
        back = curve.second // seconds - at // seconds
        if back <= 1:
            return last[0]
        closed = len(packed) // _PAIR.size
        if back <= closed:
            # A bucket begins with the last value of the one before.
            return _lowest(packed, closed - back + 1)
    return None if closed < COARSE_BUCKETS - 1 else _lowest(curve.coarse, 0)


def _lowest(packed: bytes, index: int) -> int:
    return int(_PAIR.unpack_from(packed, index * _PAIR.size)[0])


def evidence_points(held: Curve, charged: Curve) -> tuple[tuple[int, int, int], ...]:
    """(CLOCK_MONOTONIC ns, held bytes, charged bytes), oldest first: 15 minutes.

    A point has the begin and the highest values of a bucket: of a second in the last
    minute, and of five seconds before that. Both curves were written at the same times.
    """
    minute = FINE_SECONDS * FINE_BUCKETS * NS_PER_SECOND
    fine = _starts(held, minute)
    coarse = [at for at in _starts(held, LONGEST_NS) if at + _COARSE_NS <= fine[0]]
    pairs = [
        list(zip(held.highest(window)[1], charged.highest(window)[1], strict=True))
        for window in (LONGEST_NS, minute)
    ]
    points = zip([*coarse, *fine], [*pairs[0][: len(coarse)], *pairs[1]], strict=True)
    return tuple((at, *pair) for at, pair in points)


def _starts(curve: Curve, window_ns: int) -> list[int]:
    """When each bucket of the window begins, in CLOCK_MONOTONIC ns."""
    seconds, values = curve.highest(window_ns)
    last = curve.second // seconds
    return [
        index * seconds * NS_PER_SECOND for index in range(last - len(values) + 1, last + 1)
    ]


class CurveKeeper:
    """Writes one curve. A gap between two samples is filled with the earlier value."""

    __slots__ = ("_coarse", "_fine", "_flat", "_high", "_last", "_long_high", "_long_low",
                 "_low", "_second")  # fmt: skip

    def __init__(self) -> None:
        self._fine = self._coarse = b""
        self._second = -1
        self._flat = 0  # how many of the latest closed buckets of a second are at `_last`
        self._last = self._low = self._high = self._long_low = self._long_high = 0

    def add(self, now_ns: int, held_bytes: int) -> None:
        """A sample; times never go back."""
        second = now_ns // NS_PER_SECOND
        if second != self._second:
            if self._second < 0:
                self._last = self._low = self._high = self._long_low = self._long_high = (
                    held_bytes
                )
            else:
                self._move_to(second)
            self._second = second
        if held_bytes == self._last:
            return
        self._last = held_bytes
        if held_bytes < self._low:
            self._low = held_bytes
        if held_bytes > self._high:
            self._high = held_bytes
        if held_bytes < self._long_low:
            self._long_low = held_bytes
        if held_bytes > self._long_high:
            self._long_high = held_bytes

    def lift(self, held_bytes: int) -> None:
        """So much was held all the time and is counted only now."""
        if self._second < 0:
            return
        self._fine, self._coarse = (
            b"".join(
                _PAIR.pack(low + held_bytes, high + held_bytes)
                for low, high in _PAIR.iter_unpack(packed)
            )
            for packed in (self._fine, self._coarse)
        )
        self._last += held_bytes
        self._low += held_bytes
        self._high += held_bytes
        self._long_low += held_bytes
        self._long_high += held_bytes

    def curve(self) -> Curve:
        """The curve now, frozen."""
        if self._second < 0:
            return Curve()
        fine, coarse = (self._low, self._high), (self._long_low, self._long_high)
        if fine == coarse:
            coarse = fine  # of all that rests
        return Curve(self._fine, self._coarse, fine, coarse, self._second, self._last)

    @classmethod
    def of(cls, curve: Curve) -> "CurveKeeper":
        """A keeper that continues a curve with values."""
        keeper = cls()
        keeper._fine, keeper._coarse, keeper._second = curve.fine, curve.coarse, curve.second
        keeper._low, keeper._high = curve.open_fine or (0, 0)
        keeper._long_low, keeper._long_high = curve.open_coarse or (0, 0)
        keeper._last = curve.last
        return keeper

    def extended(self, now_ns: int) -> Curve:
        """The curve with the latest value until then."""
        self.add(now_ns, self._last)
        return self.curve()

    def _move_to(self, second: int) -> None:
        last = self._last
        flat = _PAIR.pack(last, last)
        missed = second - self._second - 1
        is_flat = self._low == self._high  # then both are `_last`
        if not is_flat or self._flat < FINE_BUCKETS - 1:  # else it would stay the same
            closed = _PAIR.pack(self._low, self._high) + flat * min(missed, FINE_BUCKETS)
            self._fine = (self._fine + closed)[-_PAIR.size * (FINE_BUCKETS - 1) :]
            self._flat = self._flat + missed + 1 if is_flat else missed
            self._low = self._high = last
        missed = second // COARSE_SECONDS - self._second // COARSE_SECONDS - 1
        if missed >= 0:
            closed = _PAIR.pack(self._long_low, self._long_high)
            closed += flat * min(missed, COARSE_BUCKETS)
            self._coarse = (self._coarse + closed)[-_PAIR.size * (COARSE_BUCKETS - 1) :]
            self._long_low = self._long_high = last
