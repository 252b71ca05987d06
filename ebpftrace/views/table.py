"""Tables one below the other: for a file, a pipe, `TERM=dumb`, and `--once`.

A terminal that can redraw has the dashboard instead.
"""

from collections import deque
from typing import NoReturn, TextIO

from rich.console import Console
from rich.text import Text

from ebpftrace.act.outcome import Outcome, StepOutcome
from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import Note, Snapshot
from ebpftrace.views.acts import Act, Remark, act_line
from ebpftrace.views.findings import Found
from ebpftrace.views.render import render
from ebpftrace.views.start import Started
from ebpftrace.views.summary import summary_lines

_KEPT_NOTES = 16
_NO_LOWER_EDGE = 10_000


class Tables:
    """Every row of every snapshot, with the newest events below."""

    def __init__(self, stdout: TextIO) -> None:
        self._console = _Console(file=stdout, markup=False, emoji=False, highlight=False)
        self._notes: deque[Note | Finding | Act] = deque(maxlen=_KEPT_NOTES)
        self._outcomes: deque[Outcome] = deque(maxlen=_KEPT_NOTES)
        self._found = Found()

    def start(self, started: Started) -> None:
        for remark in started.remarks:
            self._console.print(Text(remark, "dim"))

    def note(self, note: Note) -> None:
        self._notes.append(note)

    def finding(self, finding: Finding) -> None:
        self._found.add(finding)
        self._notes.append(finding)

    def step(self, step: StepOutcome) -> None:
        self._notes.append(step)

    def outcome(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._notes.append(outcome)

    def remark(self, remark: Remark) -> None:
        self._notes.append(remark)

    def snapshot(self, snapshot: Snapshot) -> None:
        table = render(
            snapshot,
            self._notes,
            self._console.width,
            _NO_LOWER_EDGE,
            self._found.severities(),
        )
        self._console.print(table, Text())

    def end(self, snapshot: Snapshot, reason: str) -> None:
        for line in summary_lines(snapshot, reason, self._console.width, self._found.loud()):
            self._console.print(Text(line), no_wrap=True, crop=True)
        for outcome in self._outcomes:
            self._console.print(Text(act_line(outcome, self._console.width)), no_wrap=True)

    def stop(self) -> None:
        """Nothing: every table was written whole."""


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Rich would end the program with code 1; whoever runs the watch decides that."""
        raise
