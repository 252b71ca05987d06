"""A chart of memory over time in block elements, which every font for code has in one width."""

from collections.abc import Sequence

from ebpftrace.units import format_bytes, format_duration

_COLUMNS, _LINES, _LABEL = 72, 12, 8
_LEAST_POINTS = 3
_EIGHTHS = " ▁▂▃▄▅▆▇█"

Points = Sequence[tuple[int, int]]
"""(CLOCK_MONOTONIC ns, held bytes), in order."""


def chart(points: Points, limit_bytes: int | None) -> list[str]:
    """The area below the highest values, from the first point to the last; none for a few.

    The vertical axis begins at zero. It ends at the limit if a third of that is reached.
    """
    if len(points) < _LEAST_POINTS:
        return []
    values = _columns(points)
    highest = max(max(values), 1)
    top = limit_bytes if limit_bytes and 3 * highest >= limit_bytes else highest
    rows = []
    for line in range(_LINES, 0, -1):
        label = format_bytes(top * line // _LINES) if line in (_LINES, _LINES // 2) else ""
        cells = "".join(_cell(value, top, line) for value in values)
        rows.append(f"{label.rjust(_LABEL)} ┤{cells}".rstrip())
    rows.append(f"{'0'.rjust(_LABEL)} └{'─' * _COLUMNS}")
    took = format_duration(points[-1][0] - points[0][0])
    rows.append(f"{' ' * _LABEL}  0s{took.rjust(_COLUMNS - 2)}")
    return rows


def _columns(points: Points) -> list[int]:
    """The highest value of each column; that of the column before, where it has no point."""
    first, span = points[0][0], max(1, points[-1][0] - points[0][0])
    values: list[int | None] = [None] * _COLUMNS
    for at_ns, held_bytes in points:
        column = min(_COLUMNS - 1, (at_ns - first) * _COLUMNS // span)
        values[column] = max(held_bytes, values[column] or 0)
    known, last = [], points[0][1]
    for value in values:
        last = last if value is None else value
        known.append(last)
    return known


def _cell(value: int, top: int, line: int) -> str:
    """The part of a column that is in a line, counted from 1 below; a little is seen."""
    eighths = -(-value * _LINES * 8 // top)
    return _EIGHTHS[max(0, min(8, eighths - (line - 1) * 8))]
