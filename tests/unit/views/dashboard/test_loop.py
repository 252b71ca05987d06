"""The loop on a pseudo-terminal: when it draws, and that it never blocks."""

import os
import signal
import time

from ebpftrace.views.dashboard import loop
from ebpftrace.views.dashboard.live import Dashboard
from tests.support import dashboards, watches
from tests.support.process_state import until
from tests.support.ptys import Pty

SEVERAL = dashboards.several()


def test_nothing_is_drawn_when_nothing_changed(dashboard: Dashboard, terminal: Pty) -> None:
    dashboard.snapshot(SEVERAL)
    terminal.expect("gopls 4711")
    frames = dashboard._loop.frames
    for _ in range(20):
        dashboard._mailbox.wake()
        time.sleep(0.01)
    assert dashboard._loop.frames == frames
    dashboard.snapshot(SEVERAL._replace(sequence=8, elapsed_ns=99 * 10**9))
    terminal.expect("1m39s")


def test_no_more_than_four_frames_a_second(dashboard: Dashboard, terminal: Pty) -> None:
    began = time.monotonic_ns()
    for number in range(200):
        dashboard.snapshot(SEVERAL._replace(sequence=number, elapsed_ns=number * 10**9))
        terminal.sent()
        time.sleep(0.005)
    spent = time.monotonic_ns() - began
    assert dashboard._loop.frames <= spent // loop.FRAME_NS + 2


def test_a_resize_redraws(dashboard: Dashboard, terminal: Pty) -> None:
    dashboard.snapshot(SEVERAL)
    terminal.expect("gopls 4711")
    terminal.resize(40, 12)
    os.kill(os.getpid(), signal.SIGWINCH)
    assert "GROWTH" not in terminal.expect("FULL IN")


def test_a_terminal_that_takes_nothing_blocks_neither_thread(terminal: Pty) -> None:
    """As with a dead ssh: the kernel's buffer is full and stays full."""
    before = terminal.modes()
    view = Dashboard(terminal.stdout, lambda: None)
    view.start(watches.started())
    view.snapshot(SEVERAL)
    terminal.expect("gopls 4711")
    while not view._terminal.has_unwritten:
        view._terminal.write(b"x" * 4096)
    frames = view._loop.frames
    for number in range(2000):
        view.snapshot(SEVERAL._replace(sequence=number))
        view.note(watches.process_note())
    until(lambda: (shown := view._loop._session.shown) is not None and shown.sequence == 1999)
    assert view._terminal.has_unwritten
    assert view._loop.frames <= frames + 1  # one may have been under way
    view.end(SEVERAL, "interrupted")
    until(lambda: not view._loop._thread.is_alive())
    assert terminal.modes() == before
