"""One table below the other: for a file, a pipe, `TERM=dumb`, and `--once`.

Each table is the dashboard's list in full. A terminal that can redraw gets the dashboard.
"""

import os
from collections import deque
from collections.abc import Iterable
from typing import NoReturn, TextIO

from rich.console import Console
from rich.segment import Segment, Segments
from rich.text import Text

from ebpftrace.act.fuse.events import FuseEvent
from ebpftrace.act.incident.outcome import Outcome, StepOutcome
from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import Note, OomNote, Snapshot
from ebpftrace.views.activity import activity_line, activity_lines
from ebpftrace.views.dashboard.model.rows import rows
from ebpftrace.views.dashboard.model.screen_data import ScreenData
from ebpftrace.views.dashboard.model.state import DashboardState
from ebpftrace.views.dashboard.render.columns import CellContext
from ebpftrace.views.dashboard.render.header import header
from ebpftrace.views.dashboard.render.listing import Listing
from ebpftrace.views.dashboard.render.spans import Line
from ebpftrace.views.dashboard.render.tail import tail
from ebpftrace.views.dashboard.render.theme import in_signs, make_theme, signs_of
from ebpftrace.views.entries import Entry
from ebpftrace.views.findings import FindingLog
from ebpftrace.views.start import Remark, Started
from ebpftrace.views.stopped_processes import StoppedProcesses
from ebpftrace.views.summary import summary_lines

_ENTRIES = 16
_HEIGHT = 24  # lines of a screen that shows the whole header


class Tables:
    """Every row of every snapshot, and below it the events since the previous one."""

    def __init__(self, stdout: TextIO, state: DashboardState | None = None) -> None:
        self._state = state or DashboardState()
        self._console = _Console(file=stdout, markup=False, emoji=False, highlight=False)
        colours = None if self._console.no_color else self._console.color_system
        signs = signs_of(stdout.encoding, os.environ.get("TERM", ""))
        self._theme = make_theme(colours, signs)
        self._entries: deque[Entry] = deque(maxlen=_ENTRIES)
        self._outcomes: deque[Outcome] = deque(maxlen=_ENTRIES)
        self._found = FindingLog()
        self._fuses = StoppedProcesses()

    def start(self, started: Started) -> None:
        for remark in started.remarks:
            self._console.print(Text(remark, "dim"))

    def note(self, note: Note) -> None:
        if isinstance(note, OomNote):
            self._found.add_kill(note)
        self._fuses.update(note)
        self._entries.append(note)

    def finding(self, finding: Finding) -> None:
        self._found.add(finding)
        self._entries.append(finding)

    def step(self, step: StepOutcome) -> None:
        self._entries.append(step)

    def outcome(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._entries.append(outcome)

    def fuse(self, event: FuseEvent) -> None:
        self._fuses.update(event)
        self._entries.append(event)

    def remark(self, remark: Remark) -> None:
        # In full, as those of the start: the remedy is at its end.
        for line in activity_lines(remark, self._console.width):
            self._console.print(Text(line, "dim"), no_wrap=True, crop=True)

    def snapshot(self, snapshot: Snapshot) -> None:
        width, state, theme = self._console.width, self._state, self._theme
        shown = rows(snapshot, state)
        found = self._found
        screen = ScreenData(
            None,
            snapshot,
            findings=found.active(),
            kills=found.kills(),
            stopped=self._fuses.stopped,
        )
        lines = header(screen, state, width, _HEIGHT, theme)
        if shown:
            listing = Listing(shown, CellContext(theme, state, screen), width)
            lines += [listing.heading(), *(listing.line(row, chosen=False) for row in shown)]
        lines += tail(
            tuple(self._entries), (), snapshot.monotonic_ns, width, _ENTRIES + 1, theme
        )
        self._entries.clear()
        self._print(in_signs((*lines, ()), theme.signs))

    def end(self, snapshot: Snapshot, reason: str) -> None:
        width = self._console.width
        found, fuses = self._found.above_notice(), self._fuses.summary()
        for line in summary_lines(snapshot, reason, width, found, fuses):
            self._console.print(Text(line), no_wrap=True, crop=True)
        for outcome in self._outcomes:
            self._console.print(Text(activity_line(outcome, width)), no_wrap=True)

    def stop(self) -> None:
        """Nothing to do: every table was written at once."""

    def _print(self, lines: Iterable[Line]) -> None:
        newline = Segment("\n")
        parts = [part for line in lines for part in (*line, newline)]
        self._console.print(Segments(parts), end="", no_wrap=True, crop=False)


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Raise instead of exiting with code 1 as rich does: the command line handles it."""
        raise
