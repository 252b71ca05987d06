"""A curve as a chart with axes, in braille dots, or in stars without Unicode."""

from collections.abc import Sequence

from rich.segment import Segment

from ebpftrace.ledger import Curve
from ebpftrace.units import NS_PER_SECOND, format_bytes, format_duration
from ebpftrace.views.dashboard.model.state import WINDOWS_NS
from ebpftrace.views.dashboard.render.spans import Line, pad
from ebpftrace.views.dashboard.render.theme import Theme

_LABEL = 8  # columns of the labels on the left, without the axis
_MIN_WINDOW_NS = 10 * NS_PER_SECOND
_ROUND = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_DOT_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def chart(
    curve: Curve, window_ns: int, limit: int | None, width: int, height: int, theme: Theme
) -> list[Line]:
    """`height` lines of `width` columns with the area below the curve's highest values.

    The horizontal axis ends now. It spans `window_ns`, or the history there is while that
    is shorter. The vertical axis begins at zero. If the curve is above a third of the
    limit, the axis ends at the limit; otherwise at the next round size above the curve.
    """
    columns, lines = width - _LABEL - 1, height - 2
    if columns < 8 or lines < 2:
        return []
    window_ns = shown_window_ns(curve, window_ns)
    points = _points(curve, window_ns, columns * 2)
    highest = max((high for point in points if point for high in point), default=0)
    top = _top(highest, limit)
    grid = _grid(points, top, columns, lines, dots=theme.signs.braille)
    limit_line = None
    if limit and limit <= top:
        limit_line = lines - 1 - min(lines - 1, limit * lines // top)
    signs = theme.signs
    drawn: list[Line] = []
    for number, row in enumerate(grid):
        if limit_line == number:
            label = format_bytes(limit or 0)
        elif number == 0:
            label = format_bytes(top)
        elif number == lines // 2 and lines >= 4:
            label = format_bytes(top * (lines - number) // lines)
        else:
            label = ""
        mark = signs.mark if label else signs.upright
        body = _with_limit(row, theme) if number == limit_line else [Segment(row, theme.anon)]
        drawn.append(
            (Segment(label.rjust(_LABEL), theme.faint), Segment(mark, theme.faint), *body)
        )
    axis = " " * (_LABEL - 1) + "0" + signs.corner + signs.line * columns
    drawn.append((Segment(axis, theme.faint),))
    drawn.append(pad([Segment(_time_axis(window_ns, columns), theme.faint)], width))
    return drawn


def shown_window_ns(curve: Curve, window_ns: int) -> int:
    """`window_ns`, or the length of the history while that is shorter; at least 10 s."""
    history_ns = _history_ns(curve, window_ns)
    if history_ns < WINDOWS_NS[0]:  # a minute has finer buckets
        history_ns = _history_ns(curve, WINDOWS_NS[0])
    return min(window_ns, max(_MIN_WINDOW_NS, history_ns))


def _history_ns(curve: Curve, window_ns: int) -> int:
    """The length of the curve, at most `window_ns`."""
    seconds, buckets = curve.buckets(window_ns)
    bucket_ns = seconds * NS_PER_SECOND
    if len(buckets) * bucket_ns >= window_ns:
        return window_ns
    return max(0, len(buckets) - 1) * bucket_ns  # the last bucket has only begun


def _points(curve: Curve, window_ns: int, count: int) -> list[tuple[int, int] | None]:
    """The (lowest, highest) of each of `count` slices; None before the curve began."""
    seconds, buckets = curve.buckets(window_ns)
    wanted = max(1, window_ns // (seconds * NS_PER_SECOND))
    missing = wanted - len(buckets)
    points: list[tuple[int, int] | None] = []
    for number in range(count):
        begin, end = number * wanted // count, (number + 1) * wanted // count
        part = buckets[max(0, begin - missing) : max(end, begin + 1) - missing]
        if begin < missing or not part:
            points.append(None)
        else:
            points.append((min(low for low, _ in part), max(high for _, high in part)))
    return points


def _top(highest: int, limit: int | None) -> int:
    if limit and highest * 3 >= limit:
        return max(limit, highest)
    scale = 1 << 10
    while highest > scale * _ROUND[-1]:
        scale <<= 10
    return next(scale * step for step in _ROUND if scale * step >= highest)


def _grid(
    points: Sequence[tuple[int, int] | None], top: int, columns: int, lines: int, *, dots: bool
) -> list[str]:
    """Rows of signs, the highest first: the line, and a light filling below it."""
    if not dots:
        return _stars(points, top, columns, lines)
    cells = [[0] * columns for _ in range(lines)]
    levels = lines * 4
    for number, point in enumerate(points):
        if point is None:
            continue
        low, high = (min(levels - 1, value * levels // top) for value in point)
        column, half = divmod(number, 2)
        for level in range(high + 1):
            # Solid between lowest and highest, every second dot of a checkerboard below.
            if level >= low or (level + number) % 2 == 0:
                row, dot = divmod(levels - 1 - level, 4)
                cells[row][column] |= _DOT_BITS[dot][half]
    return ["".join(chr(0x2800 + bits) if bits else " " for bits in row) for row in cells]


def _stars(
    points: Sequence[tuple[int, int] | None], top: int, columns: int, lines: int
) -> list[str]:
    rows = [[" "] * columns for _ in range(lines)]
    for number, point in enumerate(points):
        if point is None:
            continue
        high = min(lines - 1, point[1] * lines // top)
        rows[lines - 1 - high][number // 2] = "*"
        for level in range(high):
            if rows[lines - 1 - level][number // 2] == " ":
                rows[lines - 1 - level][number // 2] = ":"
    return ["".join(row) for row in rows]


def _with_limit(row: str, theme: Theme) -> list[Segment]:
    """The row with the limit drawn where the curve does not cover it."""
    label = "limit "
    text = "".join(theme.signs.line if char == " " else char for char in row)
    if row[: len(label)].isspace():
        text = label + text[len(label) :]
    return [Segment(text, theme.warning)]


def _time_axis(window_ns: int, columns: int) -> str:
    begin, middle, now = f"-{_ago(window_ns)}", f"-{_ago(window_ns // 2)}", "now"
    axis = " " * (_LABEL + 1) + begin
    if columns >= 40:
        axis = axis.ljust(_LABEL + 1 + columns // 2 - len(middle) // 2) + middle
    return axis.ljust(_LABEL + 1 + columns - len(now)) + now


def _ago(ns: int) -> str:
    minutes, rest = divmod(ns, 60 * NS_PER_SECOND)
    return f"{minutes}m" if not rest and minutes else format_duration(ns)
