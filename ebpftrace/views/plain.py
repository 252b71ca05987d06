"""A watch in a pipe or a log: one line an update, and one for all that happened."""

from collections.abc import Callable

from ebpftrace.ledger import Note, Snapshot
from ebpftrace.views.lines import note_line, snapshot_line, start_lines
from ebpftrace.views.start import Started
from ebpftrace.views.summary import summary_lines


class PlainLines:
    """`write` takes whole lines and raises what writing raises (BrokenPipeError too)."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def start(self, started: Started) -> None:
        self._lines(*start_lines(started))

    def note(self, note: Note) -> None:
        self._lines(note_line(note))

    def snapshot(self, snapshot: Snapshot) -> None:
        self._lines(snapshot_line(snapshot))

    def end(self, snapshot: Snapshot, reason: str) -> None:
        self._lines(*summary_lines(snapshot, reason))

    def stop(self) -> None:
        """Nothing: every update was written whole."""

    def _lines(self, *lines: str) -> None:
        self._write("".join(f"{line}\n" for line in lines))
