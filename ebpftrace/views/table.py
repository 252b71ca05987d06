"""A live table on a terminal, redrawn in place. It takes no alternate screen.

Where nothing can be redrawn (a file, `TERM=dumb`) each update follows the last one.
"""

import atexit
import contextlib
import os
from collections import deque
from typing import NoReturn, TextIO

from rich.console import Console, ConsoleDimensions
from rich.live import Live
from rich.text import Text

from ebpftrace.ledger import LossNote, Note, OomNote, Snapshot
from ebpftrace.views.render import render
from ebpftrace.views.start import Started
from ebpftrace.views.summary import summary_lines

_KEPT_NOTES = 16
_FILE_HEIGHT = 10_000  # a file has no lower edge


class LiveTable:
    """`stdout` is usually a terminal. `end` gives it back; so does leaving the program."""

    def __init__(self, stdout: TextIO) -> None:
        self._console = _Console(file=stdout, markup=False, emoji=False, highlight=False)
        self._redraws = self._console.is_terminal and not self._console.is_dumb_terminal
        self._notes: deque[Note] = deque(maxlen=_KEPT_NOTES)
        self._last: Snapshot | None = None
        self._live: Live | None = None
        self._stdout = stdout
        self._size = self._console.size

    def start(self, started: Started) -> None:
        for remark in started.remarks:
            self._console.print(Text(remark, "dim"))
        atexit.register(self._leave)

    def note(self, note: Note) -> None:
        self._notes.append(note)
        if isinstance(note, OomNote | LossNote) and self._last is not None and self._redraws:
            self._draw(self._last)

    def snapshot(self, snapshot: Snapshot) -> None:
        self._last = snapshot
        self._draw(snapshot)

    def resume(self) -> None:
        self._start_anew()
        if self._last is not None:
            self._draw(self._last)

    def end(self, snapshot: Snapshot, reason: str) -> None:
        self.stop()
        self._console.print()
        for line in summary_lines(snapshot, reason, self._console.width):
            self._console.print(Text(line), no_wrap=True, crop=True)

    def stop(self) -> None:
        """Give the terminal back: the cursor shows and stands below the table. Repeatable."""
        atexit.unregister(self._leave)
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _draw(self, snapshot: Snapshot) -> None:
        if not self._redraws:
            table = render(snapshot, self._notes, self._console.width, _FILE_HEIGHT)
            self._console.print(table, Text())
            return
        self._follow_size()
        width, height = self._size
        # One line less than there are: writing into the last one may scroll the rest.
        table = render(snapshot, self._notes, width, max(1, height - 1))
        if self._live is None:
            self._live = Live(
                table,
                console=self._console,
                auto_refresh=False,  # no thread: it is drawn when the books say so
                redirect_stdout=False,
                redirect_stderr=False,  # what is an error stays one, also in `2>file`
            )
            self._live.start(refresh=True)
        else:
            self._live.update(table, refresh=True)

    def _follow_size(self) -> None:
        """After a resize nobody knows where the old lines are: start on a clear screen."""
        with contextlib.suppress(OSError, ValueError):  # rich would ask stdin's terminal first
            self._console.size = ConsoleDimensions(*os.get_terminal_size(self._stdout.fileno()))
        size = self._console.size
        if size != self._size:
            self._start_anew()
        self._size = size

    def _start_anew(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.stop()
            self._console.clear()

    def _leave(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # the terminal itself is gone
            self.stop()


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Rich would end the program with code 1; whoever runs the watch decides that."""
        raise
