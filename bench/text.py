"""Tables as text, at most 80 columns wide."""

import textwrap
from collections.abc import Iterable

from bench.figures import Row, Table

WIDTH = 80
_LABEL, _MEDIAN, _RANGE, _RATIO = 42, 12, 16, 7


def page(tables: Iterable[Table], machine: str, command: str) -> str:
    """What a run prints: the machine, each table, and the command that measures it again."""
    parts = [heading(machine), *(table_text(table) for table in tables)]
    return "\n\n".join([*parts, f"$ {command}"]) + "\n"


def heading(machine: str) -> str:
    """What the figures were measured on."""
    return textwrap.fill(machine, WIDTH)


def table_text(table: Table) -> str:
    """One table: a head line, a line a row, footnotes."""
    ratio = "ratio" if table.against else table.score
    spread = "p99 – max" if table.tail else "min – max"
    head = _line("", f"median {table.unit}", spread, ratio)
    title = textwrap.fill(f"{table.bench}: {table.title}", WIDTH)
    lines = [title, head, *(_row(table, row) for row in table.rows)]
    lines += (_note(note) for note in table.footnotes)
    return "\n".join(lines)


def _row(table: Table, row: Row) -> str:
    if not row.samples:
        return _note(f"{row.label}: {row.remark}")
    ratio = table.ratio(row)
    low = row.p99 if table.tail else min(row.samples)
    spread = f"{number(low)} – {number(max(row.samples))}"
    last = row.score if ratio is None else f"{ratio:.2f}×"
    return _line(row.label, number(row.median), spread, last)


def _note(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="    ")


def _line(label: str, median: str, spread: str, ratio: str) -> str:
    label = textwrap.shorten(label, _LABEL - 2, placeholder=" …")
    line = f"  {label:<{_LABEL - 2}} {median:>{_MEDIAN}} {spread:>{_RANGE}} {ratio:>{_RATIO}}"
    return line.rstrip()


def number(value: float) -> str:
    """Three digits that count: `0.123`, `1.23`, `12.3`, `1230`."""
    if value == 0:
        return "0"
    for limit, digits in ((0.1, 4), (1, 3), (10, 2), (100, 1)):
        if abs(value) < limit:
            return f"{value:.{digits}f}"
    return f"{value:.0f}"
