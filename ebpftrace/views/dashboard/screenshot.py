"""One frame of the dashboard in a file, without a terminal."""

import os
from dataclasses import replace
from pathlib import Path

from ebpftrace.errors import EbpftraceError
from ebpftrace.ledger import Snapshot
from ebpftrace.trusted.exports import open_export
from ebpftrace.views.dashboard.model.state import WINDOWS_NS
from ebpftrace.views.dashboard.render.picture import as_svg
from ebpftrace.views.dashboard.render.theme import make_theme
from ebpftrace.views.dashboard.session import DashboardSession
from ebpftrace.views.entries import Entry, EntryView
from ebpftrace.views.start import Started
from ebpftrace.views.stopped_processes import StoppedProcesses


class Screenshot(EntryView):
    """Draws the last frame that a terminal of that size would have shown.

    `width` and `height` are columns and lines. `stop` writes the file; EbpftraceError if
    that fails, UntrustedError if another user could have root write elsewhere.
    """

    def __init__(self, path: Path, width: int, height: int) -> None:
        self._path = path
        self._size = (width, height)
        self._session = DashboardSession(make_theme("truecolor"))
        self._started: Started | None = None
        self._taken = False
        self._fuses = StoppedProcesses()

    def start(self, started: Started) -> None:
        self._started = started

    def snapshot(self, snapshot: Snapshot) -> None:
        self._session.update(self._started, snapshot, (), self._fuses.stopped)
        self._taken = True

    def end(self, snapshot: Snapshot, reason: str) -> None:
        """Nothing to do: the last snapshot is shown, not the final totals."""

    def _add(self, entry: Entry) -> None:
        self._fuses.update(entry)
        session = self._session
        session.update(self._started, session.shown, [entry], self._fuses.stopped)

    def stop(self) -> None:
        if not self._taken:
            return
        self._taken = False
        shown = self._session.shown
        elapsed = shown.elapsed_ns if shown else 0
        # The shortest window with the whole watch: no user can press w.
        window = sum(elapsed > window_ns for window_ns in WINDOWS_NS[:-1])
        self._session.state = replace(self._session.state, window=window)
        width, height = self._size
        lines = self._session.draw(width, height).lines
        try:
            fd = open_export("the screenshot", self._path)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(as_svg(lines, width, "ebpftrace watch"))
        except OSError as error:
            raise EbpftraceError(
                f"the screenshot was not written: {error.strerror}",
                why=str(self._path),
                fix="name a file in a folder that exists and can be written",
            ) from error
