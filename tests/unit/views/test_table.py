"""The live table on a real terminal: a pty of a given size."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from typing import TextIO

import pytest
from rich.cells import cell_len

from ebpftrace.views.table import LiveTable
from tests.support import watches

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """One end writes as a program does, the other keeps what a terminal was sent."""

    def __init__(self, columns: int, lines: int) -> None:
        self._ours, theirs = pty.openpty()
        self.stdout: TextIO = os.fdopen(theirs, "w", encoding="utf-8")
        self.resize(columns, lines)

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def sent(self) -> str:
        """What was sent since the last call; the pty holds it, so nothing is waited for."""
        self.stdout.flush()
        os.set_blocking(self._ours, False)
        kept = b""
        try:
            while part := os.read(self._ours, 65536):
                kept += part
        except BlockingIOError:
            pass
        return kept.decode("utf-8")

    def close(self) -> None:
        self.stdout.close()
        os.close(self._ours)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal(80, 24)
    yield made
    made.close()


def test_it_is_redrawn_in_place_and_the_terminal_given_back(terminal: Terminal) -> None:
    view = LiveTable(terminal.stdout)
    view.start(watches.started())
    view.snapshot(watches.snapshot())
    first = terminal.sent()
    assert HIDE in first
    assert "waiting for a process with comm gopls…" in first
    view.snapshot(watches.example())
    view.snapshot(watches.example())
    second = terminal.sent()
    assert "\x1b[1A" in second  # up, over the first drawing
    assert "gopls 4711" in second
    assert "\x1b[?1049h" not in first + second  # no alternate screen
    view.end(watches.example(), "stopped by Ctrl-C")
    last = terminal.sent()
    assert last.rindex(SHOW) > last.rfind(HIDE)
    assert "job      build-42  peak" in last


def test_stop_may_be_called_at_any_time_and_twice(terminal: Terminal) -> None:
    view = LiveTable(terminal.stdout)
    view.stop()
    view.start(watches.started())
    view.snapshot(watches.example())
    view.stop()
    view.stop()
    assert terminal.sent().count(SHOW) == 1


def test_a_program_that_fails_leaves_a_terminal_with_a_cursor(terminal: Terminal) -> None:
    program = """if True:
        import sys
        from ebpftrace.views.table import LiveTable
        from tests.support import watches
        view = LiveTable(sys.stdout)
        view.start(watches.started())
        view.snapshot(watches.example())
        raise RuntimeError("the test's own")
    """
    ended = subprocess.run(
        [sys.executable, "-c", program],
        stdout=terminal.stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
    )
    assert "the test's own" in ended.stderr
    sent = terminal.sent()
    assert sent.rindex(SHOW) > sent.rindex(HIDE)


def test_an_oom_kill_is_shown_before_the_next_snapshot(terminal: Terminal) -> None:
    view = LiveTable(terminal.stdout)
    view.start(watches.started())
    view.snapshot(watches.example())
    terminal.sent()
    view.note(watches.process_note())
    assert terminal.sent() == ""
    view.note(watches.oom_note())
    assert "oom_kill 12:00:07Z gopls 4711" in terminal.sent()
    view.stop()


def test_a_terminal_of_ten_by_five_gets_what_fits() -> None:
    terminal = Terminal(10, 5)
    view = LiveTable(terminal.stdout)
    view.start(watches.started())
    view.snapshot(watches.example())
    lines = [ESCAPE.sub("", line) for line in terminal.sent().replace("\r", "").split("\n")]
    assert len(lines) <= 5
    assert all(cell_len(line) <= 10 for line in lines)
    assert any("bui" in line for line in lines)
    view.stop()
    terminal.close()


def test_after_a_resize_it_starts_on_a_clear_screen(terminal: Terminal) -> None:
    view = LiveTable(terminal.stdout)
    view.start(watches.started())
    view.snapshot(watches.example())
    terminal.sent()
    terminal.resize(40, 12)
    view.snapshot(watches.example())
    _, cleared, drawn = terminal.sent().rpartition("\x1b[2J")
    assert cleared
    lines = [ESCAPE.sub("", line) for line in drawn.replace("\r", "").split("\n")]
    assert all(cell_len(line) <= 40 for line in lines)
    view.stop()


def test_no_color_keeps_the_table_and_loses_the_colours(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    view = LiveTable(terminal.stdout)
    view.snapshot(watches.snapshot(losses={"map_full": 1}))
    view.stop()
    sent = terminal.sent()
    assert "! 1 missed: map full 1" in sent
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", sent)


def test_a_dumb_terminal_gets_one_table_after_the_other(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    view = LiveTable(terminal.stdout)
    view.start(watches.started())
    view.snapshot(watches.example())
    view.snapshot(watches.example())
    view.end(watches.example(), "stopped by Ctrl-C")
    sent = terminal.sent()
    assert "\x1b" not in sent
    assert sent.count("gopls 4711  ") == 2


def test_a_file_gets_every_row() -> None:
    out = io.StringIO()
    view = LiveTable(out)
    jobs = [watches.job(f"job-{n}", [watches.process(n)]) for n in range(100)]
    view.snapshot(watches.snapshot(*jobs))
    assert all(f"  job-{n} " in out.getvalue() for n in range(100))
    assert "\x1b" not in out.getvalue()
