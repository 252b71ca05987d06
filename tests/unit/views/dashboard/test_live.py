"""The dashboard on a pseudo-terminal, its thread and all."""

import os
import queue
import signal
import subprocess
import sys
import threading

import pytest

from ebpftrace.act.fuse.events import UserCommand, UserCommandKind
from ebpftrace.errors import EbpftraceError
from ebpftrace.views.dashboard.live import Dashboard
from tests.support import dashboards, watches
from tests.support.build import ROOT
from tests.support.ptys import WAIT_SECONDS, Pty

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
SEVERAL = dashboards.several()


def test_the_terminal_is_taken_over_and_restored_with_a_summary(terminal: Pty) -> None:
    before = terminal.modes()
    view = Dashboard(terminal.stdout, lambda: None)
    view.start(watches.started())
    view.snapshot(SEVERAL)
    assert ENTER in terminal.expect("gopls 4711")
    assert terminal.modes() != before
    view.end(SEVERAL, "q was pressed")
    view.stop()
    last = terminal.sent()
    assert last.index(LEAVE) < last.index("q was pressed")
    assert terminal.modes() == before
    assert signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL


def test_q_ends_the_watch(
    dashboard: Dashboard, terminal: Pty, quit_event: threading.Event
) -> None:
    terminal.type(b"q")
    assert quit_event.wait(WAIT_SECONDS)


def test_commands_for_a_stopped_process_are_sent(terminal: Pty) -> None:
    commands: queue.Queue[UserCommand] = queue.Queue()
    frozen = dashboards.frozen()
    (stop_event,) = frozen.stopped.values()
    view = Dashboard(terminal.stdout, lambda: None, commands.put)
    view.start(watches.started())
    try:
        view.fuse(stop_event)
        assert frozen.snapshot is not None
        view.snapshot(frozen.snapshot)
        terminal.expect("FROZEN")
        terminal.type(b"jjjt")
        assert commands.get(timeout=WAIT_SECONDS) == UserCommand(
            UserCommandKind.THAW, stop_event.process
        )
        terminal.type(b"x")
        terminal.expect("x again within 3 s kills gopls 4711")
        terminal.type(b"x")
        assert commands.get(timeout=WAIT_SECONDS) == UserCommand(
            UserCommandKind.END, stop_event.process
        )
        view.end(frozen.snapshot, "q was pressed")
        assert "1 stopped (1 still stopped)" in terminal.sent()
    finally:
        view.stop()


def test_all_stopped_processes_show_even_if_their_events_were_dropped(terminal: Pty) -> None:
    snapshot = dashboards.many(jobs=1, each=200)
    view = Dashboard(terminal.stdout, lambda: None)
    for process in snapshot.jobs[0].processes:
        view.fuse(watches.fuse_event(job=snapshot.jobs[0].identity, process=process.key))
    view.start(watches.started())
    try:
        view.snapshot(snapshot)
        terminal.expect("200 FROZEN")
    finally:
        view.stop()


def test_a_failure_in_drawing_restores_the_terminal_and_is_reported(
    dashboard: Dashboard,
    terminal: Pty,
    quit_event: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("the test's own")

    monkeypatch.setattr("ebpftrace.views.dashboard.session.draw", fail)
    terminal.type(b"j")
    assert quit_event.wait(WAIT_SECONDS)
    terminal.expect(LEAVE)
    with pytest.raises(EbpftraceError, match="the dashboard failed") as raised:
        dashboard.snapshot(SEVERAL)
    assert raised.value.why == "ValueError: the test's own"


def test_a_hangup_of_the_terminal_ends_the_watch(
    dashboard: Dashboard, terminal: Pty, quit_event: threading.Event
) -> None:
    dashboard.snapshot(SEVERAL)
    terminal.expect("gopls 4711")
    os.close(terminal._ours)
    assert quit_event.wait(WAIT_SECONDS)
    dashboard.end(SEVERAL, "gone")
    terminal._ours = os.dup(0)  # for the fixture to close


def test_the_linux_console_gets_ascii(terminal: Pty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")
    view = Dashboard(terminal.stdout, lambda: None)
    view.start(watches.started())
    view.snapshot(dashboards.snapshot(dashboards.near_job()))
    assert terminal.expect("gopls 7711").isascii()
    view.stop()


BEGUN = """
import os, signal, sys, time
from ebpftrace.views.dashboard.live import Dashboard
from tests.support import watches
view = Dashboard(sys.stdout, lambda: None)
view.start(watches.started())
while not view._loop.frames:
    time.sleep(0.01)
"""


def code_after(terminal: Pty, program: str) -> int:
    """The exit code of a program with a dashboard; asserts that the terminal was restored."""
    before = terminal.modes()
    done = subprocess.run(
        [sys.executable, "-c", BEGUN + program],
        stdout=terminal.stdout,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    sent = terminal.sent()
    assert 0 <= sent.find(ENTER) < sent.find(LEAVE)
    assert terminal.modes() == before
    return done.returncode


def test_the_terminal_is_restored_when_the_program_exits_without_a_stop(terminal: Pty) -> None:
    assert code_after(terminal, "raise SystemExit(7)") == 7


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGALRM, signal.SIGRTMIN + 3])
def test_an_unexpected_signal_ends_the_program_and_restores_the_terminal(
    terminal: Pty, number: int
) -> None:
    program = f"os.kill(os.getpid(), {int(number)}); time.sleep(60)"
    assert code_after(terminal, program) == -number


def test_after_sigcont_everything_is_drawn_again(dashboard: Dashboard, terminal: Pty) -> None:
    dashboard.snapshot(SEVERAL)
    terminal.expect("gopls 4711")
    os.kill(os.getpid(), signal.SIGCONT)
    assert ENTER in terminal.expect("gopls 4711")
