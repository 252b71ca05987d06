"""The last minutes of one curve in a few columns."""

from ebpftrace.ledger import Curve
from ebpftrace.units import NS_PER_SECOND
from ebpftrace.views.dashboard.theme import Signs


def sparkline(curve: Curve, now_second: int, window_ns: int, width: int, signs: Signs) -> str:
    """One sign for the highest value of each slice of the window; `width` columns.

    The scale begins at zero, or just below the lowest value where all are above half the
    highest, and spans a quarter of the highest at least: noise stays flat. Slices are cut
    at fixed times, so that the line moves on without flickering; its right end is now.
    """
    seconds, buckets = curve.buckets(window_ns)
    if not buckets or width < 1:
        return " " * width
    wanted = max(1, window_ns // (seconds * NS_PER_SECOND))
    size = -(-wanted // width)  # buckets a slice
    last = now_second // seconds
    first = curve.second // seconds - len(buckets) + 1
    slices = [0] * width
    known = [False] * width
    for offset, (_low, high) in enumerate(buckets):
        column = width - 1 - (last // size - (first + offset) // size)
        if 0 <= column < width:
            slices[column] = max(slices[column], high)
            known[column] = True
    top = max(slices)
    lowest = min((value for value, seen in zip(slices, known, strict=True) if seen), default=0)
    base = 0 if lowest * 2 < top else lowest - top // 32
    span = max(1, top - base, top // 4)
    steps = len(signs.levels) - 1
    return "".join(
        signs.levels[max(1, -(-(value - base) * steps // span))] if seen else " "
        for value, seen in zip(slices, known, strict=True)
    )
