"""The columns of the list, the most important first; a narrow list omits the last ones.

`docs/dashboard.md` documents the same order; a test compares the two.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.segment import Segment

from ebpftrace.counters import Usage
from ebpftrace.ledger import JobSnapshot, JobState, ProcessSnapshot
from ebpftrace.units import NS_PER_SECOND, format_bytes, format_duration
from ebpftrace.views import formatting
from ebpftrace.views.cells import cells, cut
from ebpftrace.views.dashboard.model.frozen import FROZEN, stopped_duration, stopped_in_row
from ebpftrace.views.dashboard.model.growth import is_growth_known
from ebpftrace.views.dashboard.model.rows import Row
from ebpftrace.views.dashboard.model.screen_data import ScreenData
from ebpftrace.views.dashboard.model.state import DashboardState
from ebpftrace.views.dashboard.render.bar import job_bar, process_bar
from ebpftrace.views.dashboard.render.sparkline import sparkline
from ebpftrace.views.dashboard.render.theme import Theme
from ebpftrace.views.level import level

Cell = Sequence[Segment]


@dataclass(frozen=True, slots=True)
class CellContext:
    """What the cells depend on besides their row."""

    theme: Theme
    state: DashboardState
    screen: ScreenData

    @property
    def now_ns(self) -> int:
        """CLOCK_MONOTONIC of the snapshot."""
        return self.screen.snapshot.monotonic_ns if self.screen.snapshot is not None else 0


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, a width, and a function that draws the cell of a row within that width."""

    name: str
    heading: str
    width: int
    draw: Callable[[Row, CellContext, int], Cell]
    left: bool = False
    drawn: bool = False  # graphics: reverse video would invert their meaning


_MIN_NAME_CELLS = 12
_BAR, _WIDE_BAR = 10, 16
_SPARK, _WIDE_SPARK = 10, 20
_ROOMY = 60  # from this width on: bars, and wider gaps
_WIDE = 120
_UNKNOWN = "?"
_NODE_AT, _NODE_CELLS = 3, 14  # after the time to the limit
_NOT_REMOTE = {"kernel", "age"}  # what is not known of jobs on other nodes


def gap(width: int) -> int:
    """Terminal columns between two columns of the list."""
    return 2 if width >= _ROOMY else 1


def choose(width: int, name_width: int, window: str, *, remote: bool = False) -> list[Column]:
    """The columns that fit `width` beside a name of `name_width`.

    `remote`: those of jobs on other nodes.
    """
    room = width - max(_MIN_NAME_CELLS, name_width)
    chosen: list[Column] = []
    columns = _columns(width, window)
    if remote:
        columns = [column for column in columns if column.name not in _NOT_REMOTE]
        columns.insert(_NODE_AT, Column("node", "NODE", _NODE_CELLS, _node, left=True))
    for column in columns:
        room -= gap(width) + column.width
        if room < 0:
            break
        chosen.append(column)
    return chosen


def _columns(width: int, window: str) -> list[Column]:
    wide = width >= _WIDE
    spark = _WIDE_SPARK if wide else _SPARK
    return [
        Column("size", "RSS", 7, _rss),
        _limit(_WIDE_BAR if wide else _BAR if width >= _ROOMY else 0),
        Column("time to limit", "FULL IN", 7, _full_in),
        Column("growth", "GROWTH", 10, _growth),
        Column("trend", f"LAST {window}", spark, _trend, left=True, drawn=True),
        *_REST,
    ]


def _size(size: int, context: CellContext, *, job: bool = False) -> Cell:
    if not size:
        return [Segment(context.theme.signs.nothing, context.theme.faint)]
    return [Segment(format_bytes(size), context.theme.strong if job else None)]


def _rss(row: Row, context: CellContext, _width: int) -> Cell:
    if row.process is not None:
        return _size(row.process.own.resident_bytes, context)
    return _size(row.job.usage.resident_bytes, context, job=True)


def _limit(bar: int) -> Column:
    """The charge against the limit: a share, with a bar by kind where there is room."""

    def draw(row: Row, context: CellContext, width: int) -> Cell:
        if row.process is not None:
            return process_bar(row.process, row.job, bar, context.theme) if bar else ()
        if row.job.state is not JobState.RUNNING:  # its charge is out of date
            return [Segment(context.theme.signs.nothing, context.theme.faint)]
        drawn = job_bar(row.job, bar, context.theme) if bar else []
        share = row.job.limit_share
        if share is None:
            return drawn or [Segment(context.theme.signs.nothing, context.theme.faint)]
        percent = f"{min(share, 9.99):.0%}".rjust(width - bar)
        return [*drawn, Segment(percent, context.theme.level(level(row.job)))]

    heading = "CHARGE / LIMIT" if bar else "LIM"
    return Column("limit", heading, bar + (5 if bar else 4), draw, bool(bar), bool(bar))


def _full_in(row: Row, context: CellContext, _width: int) -> Cell:
    if stopped_in_row(row, context.screen.stopped):
        return [Segment(FROZEN, context.theme.frozen)]
    if row.process is not None:
        return ()
    seconds = row.job.seconds_to_limit
    if seconds is None:
        return [Segment(context.theme.signs.nothing, context.theme.faint)]
    return [Segment(formatting.wait(seconds), context.theme.level(level(row.job)))]


def _growth(row: Row, context: CellContext, _width: int) -> Cell:
    subject: JobSnapshot | ProcessSnapshot = row.process or row.job
    per_second = subject.growth.bytes_per_second
    stopped = stopped_in_row(row, context.screen.stopped)
    if stopped:
        return [
            Segment(f"for {stopped_duration(stopped[0], context.screen)}", context.theme.frozen)
        ]
    if row.process is None and row.job.state is not JobState.RUNNING:
        return [Segment(context.theme.signs.nothing, context.theme.faint)]
    if not per_second:
        shown = formatting.rate(0) if is_growth_known(row.curve) else _UNKNOWN
        return [Segment(shown, context.theme.faint)]
    style = context.theme.strong if row.process is None else None
    return [Segment(formatting.rate(per_second), style)]


def _trend(row: Row, context: CellContext, width: int) -> Cell:
    stopped = stopped_in_row(row, context.screen.stopped)
    if stopped and row.process is not None:
        return [Segment(f"at {format_bytes(stopped[0].held_bytes)}", context.theme.frozen)]
    now = context.now_ns // NS_PER_SECOND
    line = sparkline(row.curve, now, context.state.window_ns, width, context.theme.signs)
    return [Segment(line, context.theme.faint if row.process else context.theme.anon)]


def _kind(name: str, kind: Callable[[Usage], int]) -> Column:
    def draw(row: Row, context: CellContext, _width: int) -> Cell:
        return _size(kind(row.job.usage if row.process is None else row.process.own), context)

    return Column(name, name.upper(), 7, draw)


def _kernel(row: Row, context: CellContext, _width: int) -> Cell:
    """The kernel counts its own memory by cgroup, not by process."""
    if row.process is not None:
        return ()
    return _size(row.job.kernel_bytes or 0, context)


def _peak(row: Row, context: CellContext, _width: int) -> Cell:
    process = row.process
    return _size(
        row.job.peak_bytes if process is None else process.counters.peak_bytes, context
    )


def _stalled(row: Row, context: CellContext, _width: int) -> Cell:
    ns = row.job.stalled_ns if row.process is None else row.process.counters.stalled_ns
    if not ns:
        return [Segment(context.theme.signs.nothing, context.theme.faint)]
    return [Segment(format_duration(ns))]


def _age(row: Row, _context: CellContext, _width: int) -> Cell:
    return [Segment(format_duration(row.age_ns))]


def _node(row: Row, context: CellContext, width: int) -> Cell:
    if row.process is not None:
        return ()
    return [Segment(cut(row.job.identity.node, width), context.theme.plain)]


def _what(row: Row, context: CellContext, width: int) -> Cell:
    if row.process is not None:
        return [Segment(cut(row.process.cmdline, width), context.theme.faint)]
    identity = row.job.identity
    description = f"{identity.kind}, by {identity.identified_by}"
    return [Segment(cut(description, width), context.theme.faint)]


_REST = (
    _kind("anon", lambda usage: usage.anon_bytes),
    _kind("file", lambda usage: usage.file_bytes),
    _kind("shmem", lambda usage: usage.shmem_bytes),
    _kind("swap", lambda usage: usage.swap_bytes),
    Column("kernel", "KERNEL", 7, _kernel),
    Column("peak", "PEAK", 7, _peak),
    Column("stalls", "STALLED", 7, _stalled),
    Column("age", "AGE", 6, _age),
    Column("what", "WHAT IT IS", 20, _what, left=True),
)
NAMES = tuple(column.name for column in _columns(_WIDE, "5m"))
FLEXIBLE = "what"  # the column that takes the remaining room


def draw_cell(column: Column, row: Row, context: CellContext, width: int) -> list[Segment]:
    """The cell in exactly `width` columns."""
    drawn = column.draw(row, context, width)
    room = width - sum(
        len(part.text) if part.text.isascii() else cells(part.text) for part in drawn
    )
    if room <= 0:
        return [*drawn]
    return [*drawn, Segment(" " * room)] if column.left else [Segment(" " * room), *drawn]
