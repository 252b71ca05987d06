"""Tables one below the other: for a file, a pipe, `TERM=dumb`, and `--once`.

A terminal that can redraw has the dashboard instead.
"""

from collections import deque
from typing import NoReturn, TextIO

from rich.console import Console
from rich.text import Text

from ebpftrace.ledger import Note, Snapshot
from ebpftrace.views.render import render
from ebpftrace.views.start import Started
from ebpftrace.views.summary import summary_lines

_KEPT_NOTES = 16
_NO_LOWER_EDGE = 10_000


class Tables:
    """Every row of every snapshot, with the newest events below."""

    def __init__(self, stdout: TextIO) -> None:
        self._console = _Console(file=stdout, markup=False, emoji=False, highlight=False)
        self._notes: deque[Note] = deque(maxlen=_KEPT_NOTES)

    def start(self, started: Started) -> None:
        for remark in started.remarks:
            self._console.print(Text(remark, "dim"))

    def note(self, note: Note) -> None:
        self._notes.append(note)

    def snapshot(self, snapshot: Snapshot) -> None:
        table = render(snapshot, self._notes, self._console.width, _NO_LOWER_EDGE)
        self._console.print(table, Text())

    def end(self, snapshot: Snapshot, reason: str) -> None:
        for line in summary_lines(snapshot, reason, self._console.width):
            self._console.print(Text(line), no_wrap=True, crop=True)

    def stop(self) -> None:
        """Nothing: every table was written whole."""


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Rich would end the program with code 1; whoever runs the watch decides that."""
        raise
