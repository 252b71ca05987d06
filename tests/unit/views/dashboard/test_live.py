"""The dashboard on a pseudo-terminal, its thread and all."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ebpftrace.act.fuse.events import UserCommand, UserCommandKind
from ebpftrace.errors import EbpftraceError
from ebpftrace.views.dashboard import loop
from ebpftrace.views.dashboard.live import Dashboard
from tests.support import dashboards, watches
from tests.support.build import ROOT
from tests.support.ptys import WAIT_SECONDS, Pty

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
SEVERAL = dashboards.several()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pty]:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    pty = Pty()
    yield pty
    pty.close()


class Quit(threading.Event):
    def __call__(self) -> None:
        self.set()


@pytest.fixture
def asked() -> Quit:
    return Quit()


@pytest.fixture
def dashboard(terminal: Pty, asked: Quit) -> Iterator[Dashboard]:
    view = Dashboard(terminal.stdout, asked)
    view.start(watches.started())
    yield view
    view.stop()


def test_it_takes_the_screen_and_gives_it_back_with_a_summary(terminal: Pty) -> None:
    before = terminal.modes()
    view = Dashboard(terminal.stdout, lambda: None)
    view.start(watches.started())
    view.snapshot(SEVERAL)
    assert ENTER in terminal.wait_for("gopls 4711")
    assert terminal.modes() != before
    view.end(SEVERAL, "q was pressed")
    view.stop()
    last = terminal.sent()
    assert last.index(LEAVE) < last.index("q was pressed")
    assert terminal.modes() == before
    assert signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL


def test_q_asks_for_the_end(dashboard: Dashboard, terminal: Pty, asked: Quit) -> None:
    terminal.type(b"q")
    assert asked.wait(WAIT_SECONDS)


def test_a_wish_goes_to_whoever_asked_to_hear_it(terminal: Pty) -> None:
    wishes: queue.Queue[UserCommand] = queue.Queue()
    frozen = dashboards.frozen()
    (news,) = frozen.stopped.values()
    view = Dashboard(terminal.stdout, lambda: None, wishes.put)
    view.start(watches.started())
    try:
        view.fuse(news)
        assert frozen.snapshot is not None
        view.snapshot(frozen.snapshot)
        terminal.wait_for("FROZEN")
        terminal.type(b"jjjt")
        assert wishes.get(timeout=WAIT_SECONDS) == UserCommand(
            UserCommandKind.THAW, news.process
        )
        terminal.type(b"x")
        terminal.wait_for("x again within 3 s kills gopls 4711")
        terminal.type(b"x")
        assert wishes.get(timeout=WAIT_SECONDS) == UserCommand(
            UserCommandKind.END, news.process
        )
        view.end(frozen.snapshot, "q was pressed")
        assert "1 stopped (1 still stopped)" in terminal.sent()
    finally:
        view.stop()


def test_more_who_stand_than_events_are_kept_all_show(terminal: Pty) -> None:
    books = dashboards.many(jobs=1, each=200)
    view = Dashboard(terminal.stdout, lambda: None)
    for one in books.jobs[0].processes:
        view.fuse(watches.fuse_news(job=books.jobs[0].identity, process=one.key))
    view.start(watches.started())
    try:
        view.snapshot(books)
        terminal.wait_for("200 FROZEN")
    finally:
        view.stop()


def test_nothing_is_drawn_when_nothing_changed(dashboard: Dashboard, terminal: Pty) -> None:
    dashboard.snapshot(SEVERAL)
    terminal.wait_for("gopls 4711")
    frames = dashboard._loop.frames
    for _ in range(20):
        dashboard._mailbox.wake()
        time.sleep(0.01)
    assert dashboard._loop.frames == frames
    dashboard.snapshot(replace(SEVERAL, sequence=8, elapsed_ns=99 * 10**9))
    terminal.wait_for("1m39s")


def test_no_more_than_four_frames_a_second(dashboard: Dashboard, terminal: Pty) -> None:
    began = time.monotonic_ns()
    for number in range(200):
        dashboard.snapshot(replace(SEVERAL, sequence=number, elapsed_ns=number * 10**9))
        terminal.sent()
        time.sleep(0.005)
    spent = time.monotonic_ns() - began
    assert dashboard._loop.frames <= spent // loop.FRAME_NS + 2


def test_a_resize_is_drawn_at_once(dashboard: Dashboard, terminal: Pty) -> None:
    dashboard.snapshot(SEVERAL)
    terminal.wait_for("gopls 4711")
    terminal.resize(40, 12)
    os.kill(os.getpid(), signal.SIGWINCH)
    assert "GROWTH" not in terminal.wait_for("FULL IN")


def test_a_terminal_nobody_reads_keeps_nobody_waiting(
    dashboard: Dashboard, terminal: Pty
) -> None:
    """As a dead ssh: the kernel's buffer fills, and stays full."""
    for number in range(60):
        dashboard.snapshot(replace(dashboards.several(), sequence=number))
        dashboard.note(watches.process_note(comm=f"name-{number}"))
        terminal.type(b"\x0c")  # every frame is written whole
        time.sleep(0.01)
    dashboard._loop._painter.forget()
    while not dashboard._terminal.behind:
        dashboard._terminal.write(b"x" * 4096)  # what a slow terminal has not taken yet
    began = time.monotonic()
    for number in range(2000):
        dashboard.snapshot(replace(SEVERAL, sequence=number))
        dashboard.note(watches.process_note())
    dashboard.end(SEVERAL, "interrupted")
    # Bounded by what the terminal is given to come round, however long it takes nothing.
    assert time.monotonic() - began < 60
    assert not dashboard._loop._thread.is_alive()


def test_a_failure_in_drawing_gives_the_terminal_back_and_is_told(
    dashboard: Dashboard, terminal: Pty, asked: Quit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("the test's own")

    monkeypatch.setattr("ebpftrace.views.dashboard.session.draw", fail)
    terminal.type(b"j")
    assert asked.wait(WAIT_SECONDS)
    terminal.wait_for(LEAVE)
    with pytest.raises(EbpftraceError, match="the dashboard failed") as raised:
        dashboard.snapshot(SEVERAL)
    assert raised.value.why == "ValueError: the test's own"


def test_a_terminal_that_hangs_up_asks_for_the_end(
    dashboard: Dashboard, terminal: Pty, asked: Quit
) -> None:
    dashboard.snapshot(SEVERAL)
    terminal.wait_for("gopls 4711")
    os.close(terminal._ours)
    assert asked.wait(WAIT_SECONDS)
    dashboard.end(SEVERAL, "gone")
    terminal._ours = os.dup(0)  # what the fixture closes


def test_the_console_of_linux_gets_ascii(
    terminal: Pty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "linux")
    view = Dashboard(terminal.stdout, lambda: None)
    view.start(watches.started())
    view.snapshot(dashboards.snapshot(dashboards.near_job()))
    assert terminal.wait_for("gopls 7711").isascii()
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
    """The exit code of a program with a dashboard, and that the terminal was given back."""
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


def test_a_program_that_ends_without_a_stop_gives_the_terminal_back(terminal: Pty) -> None:
    assert code_after(terminal, "raise SystemExit(7)") == 7


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGALRM, signal.SIGRTMIN + 3])
def test_an_unexpected_signal_kills_and_gives_the_terminal_back(
    terminal: Pty, number: int
) -> None:
    program = f"os.kill(os.getpid(), {int(number)}); time.sleep(60)"
    assert code_after(terminal, program) == -number


def test_stopped_and_continued_it_draws_anew(dashboard: Dashboard, terminal: Pty) -> None:
    dashboard.snapshot(SEVERAL)
    terminal.wait_for("gopls 4711")
    os.kill(os.getpid(), signal.SIGCONT)
    assert ENTER in terminal.wait_for("gopls 4711")
