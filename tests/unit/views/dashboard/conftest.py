"""A dashboard on a pseudo-terminal."""

import threading
from collections.abc import Iterator

import pytest

from ebpftrace.views.dashboard.live import Dashboard
from tests.support import watches
from tests.support.ptys import Pty


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pty]:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    pty = Pty()
    yield pty
    pty.close()


@pytest.fixture
def quit_event() -> threading.Event:
    """Set when the dashboard asks to end the watch."""
    return threading.Event()


@pytest.fixture
def dashboard(terminal: Pty, quit_event: threading.Event) -> Iterator[Dashboard]:
    view = Dashboard(terminal.stdout, quit_event.set)
    view.start(watches.started())
    yield view
    view.stop()
