"""The detail of one job or process: facts, then its history as a chart."""

from rich.segment import Segment
from rich.style import Style

from ebpftrace.text import wrap
from ebpftrace.views.cells import cells, cut
from ebpftrace.views.dashboard.model.frozen import frozen_facts
from ebpftrace.views.dashboard.model.rows import Row
from ebpftrace.views.dashboard.model.screen_data import ScreenData
from ebpftrace.views.dashboard.model.state import DashboardState
from ebpftrace.views.dashboard.render.bar import job_bar, process_bar
from ebpftrace.views.dashboard.render.chart import chart
from ebpftrace.views.dashboard.render.facts import (
    Fact,
    long_facts,
    short_facts,
    title,
    trouble_facts,
)
from ebpftrace.views.dashboard.render.spans import Line, fit, pad, text
from ebpftrace.views.dashboard.render.theme import Theme

_LABEL = 10
_FACT_CELLS = 26  # of a column of short facts
_LONG_LINES = 3  # at most for one long fact
_LOW = 14  # lines; below it, sizes come before names
_CHART_LINES = 7  # kept for the chart when there are more facts than room
_MAX_CHART_LINES = 22


def detail(
    row: Row, screen: ScreenData, state: DashboardState, width: int, height: int, theme: Theme
) -> list[Line]:
    """Lines of `width` columns, the most important first; possibly more than `height`.

    The chart is placed within `height` if there is room, with the least important facts
    below it.
    """
    lines: list[Line] = [fit([text(f" {title(row, screen)}", theme.strong)], width)]
    bar = _limit_bar(row, width, theme)
    if bar:
        lines.append(bar)
    for fact in frozen_facts(row, screen):
        lines += _long(fact, width, theme, theme.frozen)
    for fact in trouble_facts(row.job, screen):
        lines += _long(fact, width, theme)
    names = [line for fact in long_facts(row) for line in _long(fact, width, theme)]
    low = height < _LOW
    if not low:
        lines += names
    short = [fact for fact in short_facts(row) if fact[1]]
    columns = max(1, min(4, width // _FACT_CELLS, -(-len(short) // 4)))
    room = height - len(lines)
    first = short
    if room >= _CHART_LINES + 5:
        first = short[: columns * (room - _CHART_LINES - 1)]
    lines += _columns(first, columns, width, theme)
    if low:
        lines += names
    rest = short[len(first) :]
    room = height - len(lines) - 1 - bool(rest)
    lines += _history(row, state, width, max(room, _CHART_LINES - 1), theme)
    return lines + _columns(rest, columns, width, theme)


def _history(
    row: Row, state: DashboardState, width: int, height: int, theme: Theme
) -> list[Line]:
    if row.is_remote and row.process is not None:
        return []  # of a process on another node no history is known
    limit = row.job.cgroup.limit_bytes
    height = min(height, _MAX_CHART_LINES)
    drawn = chart(row.curve, state.window_ns, limit, width - 1, height, theme)
    if not drawn:
        return []
    return [fit([text(" held memory (anon, shmem, swap)", theme.faint)], width), *drawn]


def _limit_bar(row: Row, width: int, theme: Theme) -> Line:
    if not row.job.cgroup.limit_bytes or width < 30:
        return ()
    share = row.job.limit_share or 0.0
    label = f" {min(share, 9.99):.0%} of the limit"
    room = min(60, width - 2 - len(label))
    if row.process is not None:
        label = " of the job's limit"
        room = min(60, width - 2 - len(label))
        return (
            text(" "),
            *process_bar(row.process, row.job, room, theme),
            text(label, theme.faint),
        )
    return (text(" "), *job_bar(row.job, room, theme), text(label))


def _long(fact: Fact, width: int, theme: Theme, style: Style | None = None) -> list[Line]:
    label, content = fact
    room = width - _LABEL - 2
    if room < 8:
        return [fit([text(f" {content}", style)], width)]
    parts = wrap(content, room) or [""]
    if cells(content) > len(content):  # wrap counts characters, not columns
        parts = [cut(content, room)]
    if len(parts) > _LONG_LINES:
        rest = parts[_LONG_LINES - 1 :]
        parts = [*parts[: _LONG_LINES - 1], cut(" ".join(rest), room)]
    return [
        (text(f" {label if not number else '':<{_LABEL}} ", theme.faint), text(part, style))
        for number, part in enumerate(parts)
    ]


def _columns(facts: list[Fact], columns: int, width: int, theme: Theme) -> list[Line]:
    """Facts in columns, read downwards."""
    if not facts:
        return []
    height = -(-len(facts) // columns)
    each = (width - 1) // columns
    lines: list[Line] = []
    for number in range(height):
        line: list[Segment] = [text(" ")]
        for label, content in facts[number::height]:
            cell = [text(f"{label:<{_LABEL}} ", theme.faint), text(content)]
            line += pad(fit(cell, each - 1), each)
        lines.append(fit(line, width))
    return lines
