"""Tables one below the other: for a file, a pipe, `TERM=dumb`, and `--once`.

The dashboard's own list, whole: a terminal that can redraw has the dashboard instead.
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
from ebpftrace.views.acts import Remark, act_line
from ebpftrace.views.dashboard.model.rows import rows
from ebpftrace.views.dashboard.model.screen_data import ScreenData
from ebpftrace.views.dashboard.model.state import DashboardState
from ebpftrace.views.dashboard.render.columns import Look
from ebpftrace.views.dashboard.render.header import header
from ebpftrace.views.dashboard.render.listing import Listing
from ebpftrace.views.dashboard.render.spans import Line
from ebpftrace.views.dashboard.render.tail import tail
from ebpftrace.views.dashboard.render.theme import in_signs, signs_of, theme
from ebpftrace.views.entries import Entry
from ebpftrace.views.findings import FindingLog
from ebpftrace.views.fuses import StoppedProcesses
from ebpftrace.views.start import Started
from ebpftrace.views.summary import summary_lines

_ENTRIES = 16
_HIGH = 24  # lines of a screen on which the header is whole


class Tables:
    """Every row of every snapshot, and below it what happened since the last one."""

    def __init__(self, stdout: TextIO) -> None:
        self._console = _Console(file=stdout, markup=False, emoji=False, highlight=False)
        colours = None if self._console.no_color else self._console.color_system
        signs = signs_of(stdout.encoding, os.environ.get("TERM", ""))
        self._theme = theme(colours, signs)
        self._entries: deque[Entry] = deque(maxlen=_ENTRIES)
        self._outcomes: deque[Outcome] = deque(maxlen=_ENTRIES)
        self._found = FindingLog()
        self._fuses = StoppedProcesses()

    def start(self, started: Started) -> None:
        for remark in started.remarks:
            self._console.print(Text(remark, "dim"))

    def note(self, note: Note) -> None:
        if isinstance(note, OomNote):
            self._found.hear(note)
        self._fuses.hear(note)
        self._entries.append(note)

    def finding(self, finding: Finding) -> None:
        self._found.add(finding)
        self._entries.append(finding)

    def step(self, step: StepOutcome) -> None:
        self._entries.append(step)

    def outcome(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._entries.append(outcome)

    def fuse(self, news: FuseEvent) -> None:
        self._fuses.hear(news)
        self._entries.append(news)

    def remark(self, remark: Remark) -> None:
        self._entries.append(remark)

    def snapshot(self, snapshot: Snapshot) -> None:
        width, state, look = self._console.width, DashboardState(), self._theme
        shown = rows(snapshot, state)
        found = self._found
        scene = ScreenData(
            None,
            snapshot,
            findings=found.in_force(),
            kills=found.kills(),
            standing=self._fuses.standing,
        )
        lines = header(scene, state, width, _HIGH, look)
        if shown:
            listing = Listing(shown, Look(look, state, scene), width)
            lines += [listing.heading(), *(listing.line(row, chosen=False) for row in shown)]
        lines += tail(
            tuple(self._entries), (), snapshot.monotonic_ns, width, _ENTRIES + 1, look
        )
        self._entries.clear()
        self._print(in_signs((*lines, ()), look.signs))

    def end(self, snapshot: Snapshot, reason: str) -> None:
        width = self._console.width
        found, fuses = self._found.loud(), self._fuses.in_words()
        for line in summary_lines(snapshot, reason, width, found, fuses):
            self._console.print(Text(line), no_wrap=True, crop=True)
        for outcome in self._outcomes:
            self._console.print(Text(act_line(outcome, width)), no_wrap=True)

    def stop(self) -> None:
        """Nothing: every table was written whole."""

    def _print(self, lines: Iterable[Line]) -> None:
        newline = Segment("\n")
        parts = [part for line in lines for part in (*line, newline)]
        self._console.print(Segments(parts), end="", no_wrap=True, crop=False)


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Rich would end the program with code 1; whoever runs the watch decides that."""
        raise
