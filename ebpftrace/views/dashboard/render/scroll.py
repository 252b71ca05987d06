"""Scrolling through more lines than there is room for."""

from collections.abc import Sequence

from ebpftrace.views.dashboard.render.spans import Line, fit, text
from ebpftrace.views.dashboard.render.theme import Theme


def scrolled(
    lines: Sequence[Line], first: int, width: int, height: int, theme: Theme
) -> tuple[list[Line], int]:
    """`height` lines from `first` on, and the last line one can scroll to (0: none).

    The last line shown counts the lines below it, if any.
    """
    furthest = max(0, len(lines) - height)
    first = min(first, furthest)
    part = list(lines[first : first + height])
    below = len(lines) - first - height
    if below > 0 and height > 1:
        part[-1] = fit([text(f" … {below + 1} more lines, PgDn", theme.key)], width)
    return part, furthest
