"""The list: jobs as groups, their processes below them, one line each."""

from collections.abc import Iterable, Sequence

from rich.segment import Segment
from rich.style import Style

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

_COMM_LEAST = 4
_NAME_LEAST = 8
_NARROW = 24  # below it: a sign, a name and a size
_NAMES = (14, 20, 26, 32, 38)  # steps, so that a new name seldom moves the columns
_SORTED = {Sort.SIZE: "size", Sort.GROWTH: "growth", Sort.TIME: "time to limit"}
_WINDOW_NAMES = ("1m", "5m", "15m")


class Listing:
    """The columns of one frame, chosen once for all its lines."""

    def __init__(self, rows: Sequence[Row], look: CellContext, width: int) -> None:
        self._look = look
        self._width = width
        self._columns: list[Column] = []
        if width < _NARROW:
            self._name = width
            return
        # A quarter of the width, but what names need where there is room for more.
        least = next((step for step in _NAMES if step * 4 >= width), _NAMES[-1])
        window = _WINDOW_NAMES[look.state.window]
        self._columns = choose(width, least, window)
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
        """Names of the columns; what sorts them is marked."""
        theme, sort = self._look.theme, self._look.state.sort
        parts = [Segment("  JOB".ljust(self._name)[: self._name], self._head("name", sort))]
        for column in self._columns:
            width = self._cell_width(column)
            told = column.heading[:width]
            told = told.ljust(width) if column.left else told.rjust(width)
            parts += [
                Segment(" " * gap(self._width)),
                Segment(told, self._head(column.name, sort)),
            ]
        return fit(parts, self._width) if self._columns else (Segment("", theme.faint),)

    def _head(self, name: str, sort: Sort) -> Style:
        theme = self._look.theme
        chosen = name == ("name" if sort is Sort.NAME else _SORTED[sort])
        return theme.strong if chosen else theme.faint

    def line(self, row: Row, *, chosen: bool) -> Line:
        """One row in exactly the width."""
        look = self._look
        mark = self._mark if chosen else tuple
        if not self._columns:
            return mark(pad(self._compact(row), self._width))
        parts = [*mark(pad(self._label(row, self._name), self._name))]
        space = mark((Segment(" " * gap(self._width)),))
        for column in self._columns:
            cell = draw_cell(column, row, look, self._cell_width(column))
            parts += space
            parts += cell if column.drawn else mark(cell)
        return tuple(parts)

    def _mark(self, line: Iterable[Segment]) -> Line:
        """In reverse and without its colours, which a background would make another's."""
        return tuple(Segment(part.text, self._look.theme.chosen) for part in line)

    def _cell_width(self, column: Column) -> int:
        return column.width + (self._stretch if column.name == FLEXIBLE else 0)

    def _compact(self, row: Row) -> Line:
        """A sign, as much of the name as fits, and a size in four columns."""
        size = (row.process.own if row.process else row.job.usage).resident_bytes
        told = format_bytes(size).replace("iB", "").replace(" ", "").rjust(4)
        room = self._width - len(told) - 1
        if room < 2:
            return fit(self._label(row, self._width), self._width)
        return (*pad(self._label(row, room), room), Segment(f" {told}"))

    def _label(self, row: Row, width: int) -> list[Segment]:
        theme = self._look.theme
        narrow = width < 12
        if row.process is not None:
            process = row.process
            name = process.comm
            pid = f" {process.pid}"
            room = width - 4 - len(pid)
            if room >= min(_COMM_LEAST, cells(name)):  # a pid that was cut is another's
                name = cut(name, room) + pid
            stands = process.key in self._look.screen.stopped
            style = theme.frozen if stands else theme.plain
            sign = theme.signs.frozen if stands else " "
            label = [Segment(sign.ljust(2 if narrow else 4), style)]
            return _named(label, name, row, width, style, theme)
        trouble = trouble_of(row.job, self._look.screen)
        label = [Segment(sign, style) for sign, style in trouble.signs(theme)]
        if narrow and not label:
            label = [Segment(" ")]
        if not narrow:
            if trouble.danger == "calm":
                label.insert(0, Segment(" "))
            if not trouble.kills:
                label.append(Segment(" "))
            fold = theme.signs.folded if row.folded else theme.signs.unfolded
            label.append(Segment(f"{fold} ", theme.faint))
        style = theme.strong if row.job.state == "running" else theme.faint
        return _named(label, row.job.identity.name, row, width, style, theme)


def _states(row: Row) -> list[str]:
    """What stands after the name, where there is room."""
    if row.process is not None:
        process = row.process
        states = [] if process.state == "running" else [process.state]
        return [*states, process.role] if process.role else states
    job = row.job
    states = [formatting.count(job.oom_kills, "oom kill")] if job.oom_kills else []
    if job.state != "running":
        states.append(job.state)
    if row.folded:
        states.append(str(len(job.processes)))
    return states


def _named(
    label: list[Segment],
    name: str,
    row: Row,
    width: int,
    style: Style,
    theme: Theme,
) -> list[Segment]:
    """The name after what `label` holds; it is cut before the states are left out.

    The number of oom kills is left out last.
    """
    room = max(0, width - sum(cells(part.text) for part in label))
    suffixes = ["".join(f" · {state}" for state in _states(row))]
    if row.process is None and row.job.oom_kills:
        suffixes.append(f" {theme.signs.killed}{row.job.oom_kills:,}")
    least = min(_NAME_LEAST, cells(name))
    suffix = next((one for one in suffixes if room - cells(one) >= least), "")
    label.append(Segment(cut(name, room - cells(suffix)), style))
    if suffix:
        label.append(Segment(suffix, theme.faint))
    return label


def _name_cells(row: Row) -> int:
    """The columns that a name and what stands after it would take."""
    states = sum(3 + len(state) for state in _states(row))
    if row.process is not None:
        return 5 + cells(row.process.comm) + len(str(row.process.pid)) + states
    return 4 + cells(row.job.identity.name) + states
