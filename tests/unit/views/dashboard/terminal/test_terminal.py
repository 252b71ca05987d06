"""The terminal: taken, stopped by Ctrl-S, and given back all the same."""

import termios
import time

import pytest

from ebpftrace.views.dashboard.terminal.terminal import Terminal
from tests.support.ptys import Pty


def test_what_was_taken_is_given_back() -> None:
    pty = Pty(97, 31)
    before = pty.modes()
    terminal = Terminal(pty.stdout.fileno())
    assert terminal.size() == (97, 31)
    terminal.enter()
    assert pty.modes() != before
    terminal.leave("last words\n")
    terminal.leave("never said\n")
    assert pty.modes() == before
    sent = pty.sent()
    assert sent.endswith("last words\r\n")
    for taken, given in (("\x1b[?1049h", "\x1b[?1049l"), ("\x1b[?25l", "\x1b[?25h"),
                         ("\x1b[?7l", "\x1b[?7h")):  # fmt: skip
        assert 0 <= sent.find(taken) < sent.find(given)
    terminal.close()
    pty.close()


def test_a_stopped_terminal_takes_nothing_and_is_set_going_at_the_end() -> None:
    pty = Pty()
    terminal = Terminal(pty.stdout.fileno())
    terminal.enter()
    pty.sent()
    pty.type(b"\x13")  # Ctrl-S
    deadline = time.monotonic() + 10
    while not terminal.has_unwritten:
        terminal.write(b".")
        assert time.monotonic() < deadline
    pty.sent()
    terminal.leave("last words\n")
    assert pty.sent().endswith("last words\r\n")
    terminal.close()
    pty.close()


def test_keys_are_read_one_by_one_without_echo() -> None:
    pty = Pty()
    terminal = Terminal(pty.stdout.fileno())
    terminal.enter()
    pty.sent()
    assert terminal.read() == b""
    pty.type(b"j")
    assert terminal.read() == b"j"
    assert pty.sent() == ""
    terminal.leave()
    terminal.close()
    pty.close()


def test_what_is_no_terminal_is_an_error() -> None:
    with (
        open("/dev/null", "rb") as nothing,  # noqa: PTH123
        pytest.raises((OSError, termios.error)),
    ):
        Terminal(nothing.fileno())
