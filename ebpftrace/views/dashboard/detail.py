"""The detail of one job or process: facts, then its history as a chart."""

import textwrap

from rich.segment import Segment

from ebpftrace.views.cells import cells, cut
from ebpftrace.views.dashboard.bar import job_bar, process_bar
from ebpftrace.views.dashboard.chart import chart
from ebpftrace.views.dashboard.facts import Fact, long_facts, short_facts, title
from ebpftrace.views.dashboard.rows import Row
from ebpftrace.views.dashboard.spans import Line, fit, pad, text
from ebpftrace.views.dashboard.state import State
from ebpftrace.views.dashboard.theme import Theme

_LABEL = 10
_FACT_CELLS = 26  # of a column of short facts
_LONG_LINES = 3  # that one long fact may take
_LOW = 14  # lines below which sizes come before names
_CHART_LINES = 7  # that are kept for the chart when there are more facts than room


def detail(row: Row, state: State, width: int, height: int, theme: Theme) -> list[Line]:
    """At most `height` lines of `width` columns."""
    lines: list[Line] = [fit([text(f" {title(row)}", theme.strong)], width)]
    bar = _limit_bar(row, width, theme)
    if bar:
        lines.append(bar)
    low = height < _LOW
    told = [line for fact in long_facts(row) for line in _long(fact, width, theme)]
    if not low:
        lines += told
    short = [fact for fact in short_facts(row) if fact[1]]
    room = height - len(lines)
    columns = max(1, min(4, width // _FACT_CELLS, -(-len(short) // 4)))
    if room >= _CHART_LINES + 5:
        short = short[: columns * (room - _CHART_LINES - 1)]  # the last matter least
    lines += _columns(short, columns, width, theme)
    if low:
        lines += told
    room = height - len(lines) - 1
    subject = row.process or row.job
    limit = row.job.cgroup.limit_bytes
    drawn = chart(subject.curve, state.window_ns, limit, width - 1, min(room, 22), theme)
    if drawn and room >= 5:
        lines.append(fit([text(" held (anon, shmem, swap)", theme.faint)], width))
        lines += drawn
    return lines[:height]


def _limit_bar(row: Row, width: int, theme: Theme) -> Line:
    if not row.job.cgroup.limit_bytes or width < 30:
        return ()
    share = row.job.limit_share or 0.0
    told = f" {min(share, 9.99):.0%} of the limit"
    room = min(60, width - 2 - len(told))
    if row.process is not None:
        told = " of the job's limit"
        room = min(60, width - 2 - len(told))
        return (
            text(" "),
            *process_bar(row.process, row.job, room, theme),
            text(told, theme.faint),
        )
    return (text(" "), *job_bar(row.job, room, theme), text(told))


def _long(fact: Fact, width: int, theme: Theme) -> list[Line]:
    label, told = fact
    room = width - _LABEL - 2
    if room < 8:
        return [fit([text(f" {told}")], width)]
    parts = textwrap.wrap(told, room) or [""]
    if cells(told) > len(told):  # wide characters: wrapping counts letters
        parts = [cut(told, room)]
    if len(parts) > _LONG_LINES:
        rest = parts[_LONG_LINES - 1 :]
        parts = [*parts[: _LONG_LINES - 1], cut(" ".join(rest), room)]
    return [
        (text(f" {label if not number else '':<{_LABEL}} ", theme.faint), text(part))
        for number, part in enumerate(parts)
    ]


def _columns(facts: list[Fact], columns: int, width: int, theme: Theme) -> list[Line]:
    """Facts in columns, read downwards."""
    height = -(-len(facts) // columns)
    each = (width - 1) // columns
    lines: list[Line] = []
    for number in range(height):
        line: list[Segment] = [text(" ")]
        for label, told in facts[number::height]:
            cell = [text(f"{label:<{_LABEL}} ", theme.faint), text(told)]
            line += pad(fit(cell, each - 1), each)
        lines.append(fit(line, width))
    return lines
