"""A curve over the last minutes in a few columns."""

from ebpftrace.ledger import Curve
from ebpftrace.units import NS_PER_SECOND
from ebpftrace.views.dashboard.render.theme import Signs


def sparkline(curve: Curve, now_second: int, window_ns: int, width: int, signs: Signs) -> str:
    """One sign per column for the highest value of each slice of the window.

    The scale begins at zero, or just below the lowest value if all are above half the
    highest. It spans at least a quarter of the highest, so that noise stays flat. Slices
    are cut at fixed times, so that the line moves without flickering; it ends now.
    """
    seconds, values = curve.highest(window_ns)
    if not values or width < 1:
        return " " * width
    wanted = max(1, window_ns // (seconds * NS_PER_SECOND))
    size = -(-wanted // width)  # buckets a slice
    first = curve.second // seconds - len(values) + 1
    begin = (now_second // seconds // size - width + 1) * size - first  # of the first slice
    slices = [
        max(values[max(0, at) : max(0, at + size)], default=None)
        for at in range(begin, begin + width * size, size)
    ]
    known = [value for value in slices if value is not None]
    if not known:
        return " " * width
    top, lowest = max(known), min(known)
    base = 0 if lowest * 2 < top else lowest - top // 32
    span = max(1, top - base, top // 4)
    steps = len(signs.levels) - 1
    return "".join(
        " " if value is None else signs.levels[max(1, -(-(value - base) * steps // span))]
        for value in slices
    )
