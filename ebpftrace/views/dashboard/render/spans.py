"""Lines of styled text, measured in terminal columns."""

from collections.abc import Iterable

from rich.segment import Segment
from rich.style import Style

from ebpftrace.views.cells import cells, cut

Line = tuple[Segment, ...]


def width_of(line: Iterable[Segment]) -> int:
    """The columns a line takes."""
    return sum(cells(segment.text) for segment in line)


def fit(line: Iterable[Segment], width: int) -> Line:
    """The line in at most `width` columns; a line that was cut ends in `…`."""
    kept: list[Segment] = []
    room = width
    for segment in line:
        size = cells(segment.text)
        if size > room:
            if room > 0:
                kept.append(Segment(cut(segment.text, room), segment.style))
            elif kept:
                last = kept.pop()
                kept.append(Segment(cut(last.text + "  ", cells(last.text)), last.style))
            break
        if size:
            kept.append(segment)
        room -= size
    return tuple(kept)


def pad(line: Iterable[Segment], width: int) -> Line:
    """The line in exactly `width` columns."""
    kept = fit(line, width)
    room = width - width_of(kept)
    return (*kept, Segment(" " * room)) if room > 0 else kept


def ends(left: Iterable[Segment], right: Iterable[Segment], width: int) -> Line:
    """Two texts at both ends of a line; the right one is omitted if there is no room."""
    left, right = tuple(left), tuple(right)
    room = width - width_of(left) - width_of(right)
    if room < 2:
        return fit(left, width)
    return (*left, Segment(" " * room), *right)


def text(content: str, style: Style | None = None) -> Segment:
    return Segment(content, style)


def plain(line: Iterable[Segment]) -> str:
    """The text alone."""
    return "".join(segment.text for segment in line)
