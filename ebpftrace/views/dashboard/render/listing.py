"""The list: jobs, each followed by its processes, one line each."""

from collections.abc import Iterable, Sequence

from rich.segment import Segment
from rich.style import Style

from ebpftrace.ledger import JobState, ProcessState
from ebpftrace.units import format_bytes
from ebpftrace.views import formatting
from ebpftrace.views.cells import cells, cut
from ebpftrace.views.dashboard.model.rows import Row
from ebpftrace.views.dashboard.model.state import Sort
from ebpftrace.views.dashboard.render.columns import (
    FLEXIBLE,
    CellContext,
    Column,
    choose,
    draw_cell,
    gap,
)
from ebpftrace.views.dashboard.render.spans import Line, fit, pad
from ebpftrace.views.dashboard.render.theme import Theme
from ebpftrace.views.dashboard.render.trouble import trouble_of
from ebpftrace.views.level import Danger

_MIN_COMM_CELLS = 4
_MIN_NAME_CELLS = 8
_NARROW = 24  # below this width: a sign, a name and a size
_NAMES = (14, 20, 26, 32, 38)  # widths in steps, so that a new name seldom moves the columns
_SORTED = {Sort.SIZE: "size", Sort.GROWTH: "growth", Sort.TIME: "time to limit"}
_WINDOW_NAMES = ("1m", "5m", "15m")


class Listing:
    """The columns of one frame, chosen once for all its lines."""

    def __init__(self, rows: Sequence[Row], context: CellContext, width: int) -> None:
        self._context = context
        self._width = width
        self._columns: list[Column] = []
        if width < _NARROW:
            self._name = width
            return
        # A quarter of the width, or what the names need if there is room.
        least = next((step for step in _NAMES if step * 4 >= width), _NAMES[-1])
        window = _WINDOW_NAMES[context.state.window]
        remote = any(row.is_remote for row in rows)
        self._columns = choose(width, least, window, remote=remote)
        used = sum(column.width + gap(width) for column in self._columns)
        spare = width - used
        stretches = any(column.name == FLEXIBLE for column in self._columns)
        longest = max((_name_cells(row) for row in rows), default=0)
        wanted = next((step for step in _NAMES if step >= longest), _NAMES[-1])
        self._name = min(spare, wanted) if stretches else spare
        if not stretches and spare > 2 * least and spare > wanted:
            self._name = max(wanted, least)
        self._stretch = spare - self._name if stretches else 0

    def heading(self) -> Line:
        """The headings of the columns; the sort key is highlighted."""
        theme, sort = self._context.theme, self._context.state.sort
        parts = [Segment("  JOB".ljust(self._name)[: self._name], self._head("name", sort))]
        for column in self._columns:
            width = self._cell_width(column)
            heading = column.heading[:width]
            heading = heading.ljust(width) if column.left else heading.rjust(width)
            parts += [
                Segment(" " * gap(self._width)),
                Segment(heading, self._head(column.name, sort)),
            ]
        return fit(parts, self._width) if self._columns else (Segment("", theme.faint),)

    def _head(self, name: str, sort: Sort) -> Style:
        theme = self._context.theme
        chosen = name == ("name" if sort is Sort.NAME else _SORTED[sort])
        return theme.strong if chosen else theme.faint

    def line(self, row: Row, *, chosen: bool) -> Line:
        """One row in exactly the width of the list."""
        context = self._context
        mark = self._mark if chosen else tuple
        if not self._columns:
            return mark(pad(self._compact(row), self._width))
        parts = [*mark(pad(self._label(row, self._name), self._name))]
        space = mark((Segment(" " * gap(self._width)),))
        for column in self._columns:
            cell = draw_cell(column, row, context, self._cell_width(column))
            parts += space
            parts += cell if column.drawn else mark(cell)
        return tuple(parts)

    def _mark(self, line: Iterable[Segment]) -> Line:
        """The line in reverse, without colours: as a background they would be unreadable."""
        return tuple(Segment(part.text, self._context.theme.chosen) for part in line)

    def _cell_width(self, column: Column) -> int:
        return column.width + (self._stretch if column.name == FLEXIBLE else 0)

    def _compact(self, row: Row) -> Line:
        """A sign, as much of the name as fits, and a size in four columns."""
        size = (row.process.own if row.process else row.job.usage).resident_bytes
        shown = format_bytes(size).replace("iB", "").replace(" ", "").rjust(4)
        room = self._width - len(shown) - 1
        if room < 2:
            return fit(self._label(row, self._width), self._width)
        return (*pad(self._label(row, room), room), Segment(f" {shown}"))

    def _label(self, row: Row, width: int) -> list[Segment]:
        theme = self._context.theme
        narrow = width < 12
        if row.process is not None:
            process = row.process
            name = process.comm
            pid = f" {process.pid}"
            room = width - 4 - len(pid)
            if room >= min(_MIN_COMM_CELLS, cells(name)):  # never cut a pid
                name = cut(name, room) + pid
            stopped = process.key in self._context.screen.stopped
            style = theme.frozen if stopped else theme.plain
            sign = theme.signs.frozen if stopped else " "
            label = [Segment(sign.ljust(2 if narrow else 4), style)]
            return _named(label, name, row, width, style, theme)
        trouble = trouble_of(row.job, self._context.screen)
        label = [Segment(sign, style) for sign, style in trouble.signs(theme)]
        if narrow and not label:
            label = [Segment(" ")]
        if not narrow:
            if trouble.danger is Danger.CALM:
                label.insert(0, Segment(" "))
            if not trouble.kills:
                label.append(Segment(" "))
            fold = theme.signs.folded if row.folded else theme.signs.unfolded
            label.append(Segment(f"{fold} ", theme.faint))
        style = theme.strong if row.job.state is JobState.RUNNING else theme.faint
        return _named(label, row.job.identity.name, row, width, style, theme)


def _states(row: Row) -> list[str]:
    """What is shown after the name, if there is room."""
    if row.process is not None:
        process = row.process
        states: list[str] = [] if process.state is ProcessState.RUNNING else [process.state]
        return [*states, process.role] if process.role else states
    job = row.job
    states = [formatting.count(job.oom_kills, "oom kill")] if job.oom_kills else []
    if job.state is not JobState.RUNNING:
        states.append(job.state)
    if row.folded:
        states.append(str(job.process_count))
    return states


def _named(
    label: list[Segment],
    name: str,
    row: Row,
    width: int,
    style: Style,
    theme: Theme,
) -> list[Segment]:
    """The label with the name and its states. The name is cut before states are omitted.

    The number of oom kills is omitted last.
    """
    room = max(0, width - sum(cells(part.text) for part in label))
    suffixes = ["".join(f" · {state}" for state in _states(row))]
    if row.process is None and row.job.oom_kills:
        suffixes.append(f" {theme.signs.killed}{row.job.oom_kills:,}")
    least = min(_MIN_NAME_CELLS, cells(name))
    suffix = next((text for text in suffixes if room - cells(text) >= least), "")
    label.append(Segment(cut(name, room - cells(suffix)), style))
    if suffix:
        label.append(Segment(suffix, theme.faint))
    return label


def _name_cells(row: Row) -> int:
    """The columns that a name and its states need."""
    states = sum(3 + len(state) for state in _states(row))
    if row.process is not None:
        return 5 + cells(row.process.comm) + len(str(row.process.pid)) + states
    return 4 + cells(row.job.identity.name) + states
