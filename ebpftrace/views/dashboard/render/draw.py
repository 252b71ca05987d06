"""The screen as a pure function of the user's state and the data."""

from collections.abc import Sequence
from dataclasses import dataclass

from ebpftrace.views.dashboard.model.frozen import stopped_in_row
from ebpftrace.views.dashboard.model.rows import Row, find
from ebpftrace.views.dashboard.model.screen_data import ScreenData
from ebpftrace.views.dashboard.model.state import DashboardState, Pane
from ebpftrace.views.dashboard.render.columns import CellContext
from ebpftrace.views.dashboard.render.detail import detail
from ebpftrace.views.dashboard.render.footer import footer
from ebpftrace.views.dashboard.render.header import header
from ebpftrace.views.dashboard.render.help import help_lines
from ebpftrace.views.dashboard.render.listing import Listing
from ebpftrace.views.dashboard.render.scroll import scrolled
from ebpftrace.views.dashboard.render.spans import Line, fit, pad, text
from ebpftrace.views.dashboard.render.tail import rule, tail
from ebpftrace.views.dashboard.render.theme import Theme, in_signs

_FOOTED = 6  # lines from which a footer is shown
_HEADED = 8  # the same for column headings
_TAILED = 16  # for the event list
_TALL = 36  # for the event list below a detail or a help of the whole width
_SIDE = 150  # columns from which the detail is shown beside the list
_SIDE_CELLS = 62
_SIDE_LINES = 40  # that a detail beside the list can use
_EVENT_CELLS = 40  # columns from which the event list is shown


@dataclass(frozen=True, slots=True)
class Frame:
    """The lines on the screen, and what the effect of the next key depends on."""

    lines: tuple[Line, ...]
    page: int = 1  # rows of the list on the screen
    top: int = 0  # the first of them
    furthest: int = 0  # last line to which a detail or a help can be scrolled


def draw(
    state: DashboardState,
    screen: ScreenData,
    rows: Sequence[Row],
    width: int,
    height: int,
    theme: Theme,
) -> Frame:
    """At most `height` lines, none wider than `width`; only rows on the screen are built."""
    lines = header(screen, state, width, height, theme)[:height]
    foot = []
    if height >= _FOOTED:
        here = rows[find(rows, state)] if rows else None
        frozen = here is not None and bool(stopped_in_row(here, screen.stopped))
        foot = [footer(state, len(rows), width, theme, frozen=frozen)]
    events: list[Line] = []
    remarks = screen.started.remarks if screen.started else ()
    covered = state.pane is Pane.HELP or (state.pane is Pane.DETAIL and width < _SIDE)
    if height >= _TAILED and width >= _EVENT_CELLS and (not covered or height >= _TALL):
        now = screen.snapshot.monotonic_ns if screen.snapshot is not None else 0
        most = 1 + max(3, height // 7)
        if not covered:  # plus the lines that the list leaves free
            listed = max(len(rows) + 1, _SIDE_LINES if width >= _SIDE and rows else 0)
            most = max(most, height - len(lines) - len(foot) - listed)
        events = tail(screen.entries, remarks, now, width, most, theme)
    room = height - len(lines) - len(foot) - len(events)
    page, top, furthest = max(1, room), state.top, 0
    body: list[Line] = []
    if room > 0:
        if state.pane is Pane.HELP:
            content = help_lines(width, theme)
            body, furthest = scrolled(content, state.scroll, width, room, theme)
        elif screen.snapshot is not None:
            body, page, top, furthest = _body(
                state, screen, rows, width, room, height >= _HEADED, theme
            )
    body += [()] * (room - len(body))
    drawn = in_signs((*lines, *body, *events, *foot), theme.signs)
    return Frame(tuple(drawn), page, top, furthest)


def _body(
    state: DashboardState,
    screen: ScreenData,
    rows: Sequence[Row],
    width: int,
    height: int,
    headed: bool,
    theme: Theme,
) -> tuple[list[Line], int, int, int]:
    at = find(rows, state)
    if state.pane is Pane.DETAIL and rows and width < _SIDE:
        lines = [rule("detail", width, theme)] if height >= _HEADED else []
        room = height - len(lines)
        content = detail(rows[at], screen, state, width, room, theme)
        part, furthest = scrolled(content, state.scroll, width, room, theme)
        return lines + part, max(1, room), state.top, furthest
    side = width >= _SIDE and bool(rows)
    wide = max(_SIDE_CELLS, width * 2 // 5) if state.pane is Pane.DETAIL else _SIDE_CELLS
    list_width = width - wide - 3 if side else width
    lines, page, top = _list(state, screen, rows, at, list_width, height, headed, theme)
    furthest = 0
    if side:
        content = detail(rows[at], screen, state, wide, height, theme)
        right, furthest = scrolled(content, state.scroll, wide, height, theme)
        bar = text(f" {theme.signs.upright} ", theme.faint)
        right += [()] * (height - len(right))
        lines += [()] * (height - len(lines))
        lines = [
            (*pad(left, list_width), bar, *part)
            for left, part in zip(lines, right, strict=True)
        ]
    return lines, page, top, furthest


def _list(
    state: DashboardState,
    screen: ScreenData,
    rows: Sequence[Row],
    at: int,
    width: int,
    height: int,
    headed: bool,
    theme: Theme,
) -> tuple[list[Line], int, int]:
    assert screen.snapshot is not None
    lines: list[Line] = []
    headed = headed and bool(rows)
    page = max(1, height - headed)
    top = min(max(state.top, at - page + 1), at, max(0, len(rows) - page))
    top = max(0, top)
    on_screen = rows[top : top + page]
    listing = Listing(on_screen, CellContext(theme, state, screen), width)
    if headed:
        lines.append(listing.heading())
    for number, row in enumerate(on_screen, top):
        lines.append(listing.line(row, chosen=number == at))
    if not rows and state.filter_text and screen.snapshot.jobs:
        message = f"  nothing matches /{state.filter_text}"
        lines.append(fit([text(message, theme.faint)], width))
    return lines[:height], page, top
