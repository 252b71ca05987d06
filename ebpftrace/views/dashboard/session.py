"""One use of the dashboard: its data, its state and its frames, without a terminal."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from ebpftrace.act.fuse.events import UserCommand
from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import OomNote, Snapshot
from ebpftrace.views.dashboard.model.event_buffer import EventBuffer
from ebpftrace.views.dashboard.model.key_actions import press
from ebpftrace.views.dashboard.model.key_context import KeyContext
from ebpftrace.views.dashboard.model.rows import Row, rows
from ebpftrace.views.dashboard.model.screen_data import ScreenData
from ebpftrace.views.dashboard.model.state import DashboardState, Effect
from ebpftrace.views.dashboard.render.draw import Frame, draw
from ebpftrace.views.dashboard.render.theme import Theme
from ebpftrace.views.entries import Entry
from ebpftrace.views.findings import FindingLog
from ebpftrace.views.start import Started
from ebpftrace.views.stopped_processes import StoppedByKey

_NONE_STOPPED: StoppedByKey = {}


class DashboardSession:
    """Keeps the state of one user and the data on their screen."""

    def __init__(self, theme: Theme, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.state = DashboardState()
        self.theme = theme
        self._started: Started | None = None
        self._latest: Snapshot | None = None
        self._shown: Snapshot | None = None
        self._entries = EventBuffer()
        self._paused = ScreenData()  # the screen when the pause began
        self._found = FindingLog()
        self._stopped = _NONE_STOPPED
        self._clock = clock
        self._unseen = 0
        self._frame = Frame(())
        self._rows: list[Row] = []
        self._rows_key: tuple[object, ...] = ()

    @property
    def shown(self) -> Snapshot | None:
        """The snapshot on the screen."""
        return self._shown

    @property
    def confirm_deadline_ns(self) -> int | None:
        """When a pending kill expires (CLOCK_MONOTONIC); None if there is none."""
        return None if self.state.pending_kill is None else self.state.pending_kill_until_ns

    def update(
        self,
        started: Started | None,
        snapshot: Snapshot | None,
        entries: Sequence[Entry],
        stopped: StoppedByKey = _NONE_STOPPED,
    ) -> bool:
        """Take new data. True if the screen changes."""
        changed = started is not self._started or bool(entries)
        if stopped is not self._stopped:
            self._stopped = stopped
            changed = changed or not self.state.paused
        changed = self._expire_confirmation() or changed
        self._started = started
        for entry in entries:
            self._entries.add(entry)
            if isinstance(entry, Finding):
                self._found.add(entry)
            elif isinstance(entry, OomNote):
                self._found.add_kill(entry)
        if self.state.paused:
            self._unseen += len(entries)
        if snapshot is not self._latest:
            self._latest = snapshot
            changed = changed or not self.state.paused
        if not self.state.paused:
            self._shown = self._latest
        return changed

    def press(self, key: str) -> Effect | UserCommand:
        """Handle one key; return what is to be done beyond the screen."""
        paused = self.state.paused
        frame = self._frame
        rows, stopped = self._visible_rows(), self._stopped
        context = KeyContext(rows, frame.page, frame.furthest, stopped, self._clock())
        self.state, effect = press(self.state, key, context)
        if self.state.paused and not paused:
            self._paused, self._unseen = self._screen(), 0
        elif paused and not self.state.paused:
            self._shown = self._latest
        return effect

    def show_message(self, message: str) -> None:
        """Show a message in the footer until the next key."""
        self.state = replace(self.state, message=message)

    def draw(self, width: int, height: int) -> Frame:
        """The current frame, `width` columns by `height` lines."""
        paused = self.state.paused
        screen = replace(self._paused, unseen=self._unseen) if paused else self._screen()
        self._frame = draw(self.state, screen, self._visible_rows(), width, height, self.theme)
        self.state = replace(self.state, top=self._frame.top)
        return self._frame

    def _screen(self) -> ScreenData:
        found = self._found
        entries = self._entries.all()
        return ScreenData(
            self._started,
            self._shown,
            entries,
            findings=found.active(),
            kills=found.kills(),
            stopped=self._stopped,
        )

    def _expire_confirmation(self) -> bool:
        """Cancel a kill that was not confirmed in time. True if there was one."""
        state = self.state
        if state.pending_kill is None or self._clock() < state.pending_kill_until_ns:
            return False
        self.state = replace(state, pending_kill=None, message="")
        return True

    def _visible_rows(self) -> list[Row]:
        state, shown = self.state, self._shown
        if shown is None:
            return []
        key = (shown.sequence, state.sort, state.filter_text, state.folded, state.all_folded)
        if key != self._rows_key:
            self._rows, self._rows_key = rows(shown, state), key
        return self._rows
