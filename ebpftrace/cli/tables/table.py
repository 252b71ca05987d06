"""Tables of 80 columns on standard output."""

from typing import NoReturn, TextIO

from rich.console import Console
from rich.table import Table

from ebpftrace.text import COLUMNS

_RIGHT = {"RUNS", "TOOK", "PEAK", "LIMIT", "EVIDENCE"}


def new_table(*headings: str, stretched: str) -> Table:
    """An empty table; the column `stretched` has the room that the others leave."""
    table = Table(
        box=None, width=COLUMNS, padding=(0, 2, 0, 0), pad_edge=False, header_style=""
    )
    for heading in headings:
        table.add_column(
            heading, justify="right" if heading in _RIGHT else "left", no_wrap=True,
            ratio=1 if heading == stretched else None,
        )  # fmt: skip
    return table


def print_table(table: Table, out: TextIO) -> None:
    """Print it, with colours where `out` is a terminal. OSError."""
    _TableConsole(file=out, width=COLUMNS, markup=False, emoji=False, highlight=False).print(
        table
    )


class _TableConsole(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Raise instead of exiting with code 1 as rich does: the command line handles it."""
        raise
