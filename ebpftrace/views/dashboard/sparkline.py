"""The last minutes of one curve in a few columns."""

from ebpftrace.ledger import Curve
from ebpftrace.views.dashboard.theme import Signs


def sparkline(curve: Curve, now_second: int, window_ns: int, width: int, signs: Signs) -> str:
    """One sign for the highest value of each slice of the window; `width` columns.

    The scale begins at zero and ends at the highest value shown. Slices are cut at fixed
    times, so that the line moves on without flickering; its right end is now.
    """
    seconds, buckets = curve.buckets(window_ns)
    if not buckets or width < 1:
        return " " * width
    wanted = max(1, window_ns // (seconds * 1_000_000_000))
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
    steps = len(signs.levels) - 1
    return "".join(
        (signs.levels[-(-value * steps // top)] if top and value else signs.levels[1])
        if seen
        else " "
        for value, seen in zip(slices, known, strict=True)
    )
