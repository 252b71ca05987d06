"""The table as a pure function of the books: what is drawn depends on nothing else.

Names come from strangers: they are `Text`, which rich never reads as markup.
"""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ebpftrace.ledger import (
    JobSnapshot,
    LossNote,
    Note,
    OomNote,
    ProcessNote,
    ProcessSnapshot,
    Snapshot,
)
from ebpftrace.units import format_bytes, format_duration
from ebpftrace.views import phrases
from ebpftrace.views.cells import cells, cut
from ebpftrace.views.columns import LAST, NARROW, Column, choose_columns, compact, gap
from ebpftrace.views.level import LEVEL_STYLE, level
from ebpftrace.views.lines import note_line
from ebpftrace.views.rows import Row, choose_rows

_HEADED = 8  # lines from which the columns have headings
_ROOMY = 14  # lines from which there are blank lines, and recent events below
_NOTE_CELLS = 40  # a narrower line says nothing
_MOST_NOTES = 5
_NAME_CELLS = (14, 22, 30, 38)  # steps, so that a new name seldom moves the columns


def render(
    snapshot: Snapshot, notes: Sequence[Note], width: int, height: int
) -> RenderableType:
    """The books in at most `height` lines of `width` columns; the newest notes below."""
    lines: list[RenderableType] = [_header(snapshot, width)]
    missed = phrases.missed(snapshot.losses)
    if missed:
        lines.append(_text(f"! {missed}", width, "yellow"))
    if height <= len(lines) or not snapshot.jobs:
        return Group(*lines[:height])
    roomy = height >= _ROOMY
    headed = height >= _HEADED
    recent = list(notes)[-min(_MOST_NOTES, height // 6) :]
    if not roomy or width < _NOTE_CELLS:
        recent = []
    taken = len(lines) + headed + roomy + (len(recent) + 1 if recent else 0)
    rows = choose_rows(snapshot.jobs, height - taken)
    if roomy:
        lines.append(Text())
    if rows:
        lines.append(_table(rows, width, headings=headed))
    if recent:
        lines.append(Text())
        lines += [_text(note_line(note, width), width, _note_style(note)) for note in recent]
    return Group(*lines)


def _header(snapshot: Snapshot, width: int) -> Text:
    """What runs in all, what is watched, since when, and what the watch takes: what fits."""
    cost = snapshot.cost
    parts = [
        snapshot.watching,
        format_duration(snapshot.elapsed_ns),
        f"itself {cost.cpu_share:.1%} CPU, {format_bytes(cost.rss_bytes)}",
    ]
    text = Text().append(_totals(snapshot, width), "bold")
    for part in parts if snapshot.running_count else parts[1:]:
        if text.cell_len + 3 + cells(part) > width:
            break
        text.append(f" · {part}", "dim")
    return _fit(text, width)


def _totals(snapshot: Snapshot, width: int) -> str:
    if not snapshot.running_count:
        return phrases.waiting(snapshot.watching)
    held = format_bytes(snapshot.usage.resident_bytes)
    jobs = phrases.count(snapshot.running_count, "job")
    processes = phrases.count(snapshot.process_count, "process", "processes")
    totals = [f"{held} in {jobs}, {processes}", f"{held} in {jobs}", held]
    return next((told for told in totals if len(told) <= width), held)


def _table(rows: Sequence[Row], width: int, *, headings: bool) -> Table:
    least = next((step for step in _NAME_CELLS if step * 4 >= width), _NAME_CELLS[-1])
    columns = choose_columns(width, least)
    spare = width - sum(column.width + gap(width) for column in columns)
    longest = max(cells(_label(row, 10**6).plain) for row in rows)
    wanted = next((step for step in _NAME_CELLS if step >= longest), _NAME_CELLS[-1])
    names = max(1, min(spare, wanted) if width >= NARROW else spare)
    spare -= names
    table = Table(
        box=None, padding=(0, gap(width), 0, 0), pad_edge=False, show_header=headings,
        header_style="dim",
    )  # fmt: skip
    table.add_column("  JOB", width=names, no_wrap=True)
    for column in columns:
        last = column.heading == LAST
        table.add_column(
            column.heading,
            width=column.width + (spare if last else 0),
            justify="left" if column.left else "right",
            no_wrap=True,
            overflow="ellipsis",
        )
    for row in rows:
        over = isinstance(row, JobSnapshot) and row.state != "running"
        cell_texts = (_cell(row, column) for column in columns)
        table.add_row(_label(row, names), *cell_texts, style="dim" if over else "")
    return table


def _label(row: Row, width: int) -> Text:
    """A job with its sign and state, a process below it, or how many more there are."""
    narrow = width < NARROW // 2
    if isinstance(row, JobSnapshot):
        sign, style = _sign(row)
        label = Text().append(sign if narrow else f"{sign} ", style)
        states = [] if row.state == "running" else [row.state]
        if row.oom_kills:
            states.insert(0, phrases.count(row.oom_kills, "oom kill"))
        return _named(label, row.identity.name, states, width, "bold")
    if isinstance(row, ProcessSnapshot):
        label = Text("└" if narrow else "    ")
        name = row.comm if narrow else phrases.process_name(row.comm, row.role, row.pid)
        if row.role and label.cell_len + cells(name) > width:
            name = f"{row.comm} ({row.role})"  # a part of a pid says nothing
        return _named(label, name, [] if row.state == "running" else [row.state], width, "")
    indent = ("  " if row.what == "job" else "    ") if not narrow else ""
    style = "bold red" if row.alarm else "dim"
    if row.alarm:
        indent = indent and "! "
    label = Text(f"{indent}… and {row.hidden:,} more", style)
    return label if label.cell_len <= width else Text(cut(f"…+{row.hidden}", width), style)


def _named(label: Text, name: str, states: Sequence[str], width: int, style: str) -> Text:
    """The name after what `label` holds; it is cut before the states are left out."""
    room = max(0, width - label.cell_len)
    suffix = "".join(f" · {state}" for state in states)
    if suffix and room - cells(suffix) < min(8, cells(name)):
        suffix = ""
    return label.append(cut(name, room - cells(suffix)), style).append(suffix, "dim")


def _sign(job: JobSnapshot) -> tuple[str, str]:
    if job.oom_kills:
        return "✗", "not dim bold red"
    now = level(job)
    return {"near": "!", "raised": "▲", "calm": " "}[now], LEVEL_STYLE[now]


def _cell(row: Row, column: Column) -> Text:
    if isinstance(row, JobSnapshot):
        return column.job(row)
    if isinstance(row, ProcessSnapshot):
        return column.process(row)
    if column.heading != "RSS":
        return Text()
    told = compact if column.width < 7 else format_bytes
    return Text(told(row.resident_bytes), "dim")


def _note_style(note: Note) -> str:
    if isinstance(note, OomNote):
        return "bold red"
    if isinstance(note, LossNote):
        return "yellow"
    return "dim" if isinstance(note, ProcessNote) else ""


def _text(line: str, width: int, style: str) -> Text:
    return _fit(Text(line, style), width)


def _fit(text: Text, width: int) -> Text:
    text.truncate(width, overflow="ellipsis")
    text.no_wrap = True
    return text
