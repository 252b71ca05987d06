"""The terminal itself: taken, written to without ever waiting long, and given back.

It is opened anew, so that non-blocking is our description's alone: the shell shares the
one that stdout has. A terminal that takes nothing (Ctrl-S, a dead ssh) loses what was to
be written; nobody waits for it.
"""

import contextlib
import errno
import os
import select
import termios
import time
import tty
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")

_ENTER = b"\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[2J"
# CAN first: what was cut off may have been in the middle of a sequence.
_LEAVE = b"\x18\x1b[?2026l\x1b[m\x1b[?7h\x1b[H\x1b[2J\x1b[?25h\x1b[?1049l\r"
_PATIENCE_S = 0.5
_FALLBACK_SIZE = (80, 24)


class Terminal:
    """One terminal, by any descriptor of it. OSError where it cannot be opened."""

    def __init__(self, descriptor: int) -> None:
        self.fd = os.open(os.ttyname(descriptor), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._pending = b""
        self._saved: list[Any] | None = None

    def size(self) -> tuple[int, int]:
        """Columns and lines; 80 by 24 where it does not know (a serial line)."""
        columns, lines = os.get_terminal_size(self.fd)
        return (columns or _FALLBACK_SIZE[0], lines or _FALLBACK_SIZE[1])

    def enter(self) -> None:
        """Take the whole screen, and keys one by one and unseen. Ctrl-C stays a signal."""
        if self._saved is None:
            self._saved = _retry_interrupted(lambda: termios.tcgetattr(self.fd))
        _retry_interrupted(lambda: tty.setcbreak(self.fd, termios.TCSANOW))
        self._pending = b""
        self.write(_ENTER)

    def leave(self, final_text: str = "") -> None:
        """Give it back as it was, then say something on it. Repeatable; bounded in time."""
        saved = self._saved
        if saved is None:
            return
        self._pending = b""
        try:
            if not self._drain(_LEAVE, _PATIENCE_S):
                self._go_on()
                self._drain(_LEAVE, _PATIENCE_S)
            if final_text:
                self._drain(final_text.encode(errors="replace"), _PATIENCE_S)
        except OSError:
            pass  # it is gone: there is nothing to be given back
        with contextlib.suppress(termios.error):  # the same
            # NOW does not wait for what is still to be shown, as DRAIN and FLUSH would.
            _retry_interrupted(lambda: termios.tcsetattr(self.fd, termios.TCSANOW, saved))
        self._saved = None

    def close(self) -> None:
        os.close(self.fd)

    @property
    def behind(self) -> bool:
        """Whether it has not yet taken all that was written."""
        return bool(self._pending)

    def write(self, data: bytes) -> None:
        """As much as it takes now; the rest with the next `flush`."""
        self._pending += data
        self.flush()

    def flush(self) -> None:
        """Go on writing. OSError where the terminal is gone."""
        while self._pending:
            try:
                written = os.write(self.fd, self._pending)
            except (BlockingIOError, InterruptedError):
                return
            self._pending = self._pending[written:]

    def read(self) -> bytes:
        """The bytes of the keys pressed; empty for none. EOFError where it hung up."""
        try:
            received = os.read(self.fd, 1024)
        except (BlockingIOError, InterruptedError):
            return b""
        if not received:
            raise EOFError("the terminal hung up")
        return received

    def _drain(self, data: bytes, seconds: float) -> bool:
        """Write with patience; whether all was taken in time."""
        deadline = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self.fd, select.POLLOUT)
        while data:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            poll.poll(left * 1000)
            with contextlib.suppress(BlockingIOError, InterruptedError):
                data = data[os.write(self.fd, data) :]
        return True

    def _go_on(self) -> None:
        """Undo a Ctrl-S. The kernel's TCOON ends only what its TCOOFF began."""
        with contextlib.suppress(termios.error):
            termios.tcflow(self.fd, termios.TCOOFF)
            termios.tcflow(self.fd, termios.TCOON)


def _retry_interrupted(call: Callable[[], Result]) -> Result:
    """Repeat what a signal interrupted: termios does not, as os does (PEP 475)."""
    while True:
        try:
            return call()
        except termios.error as error:
            if error.args[0] != errno.EINTR:
                raise
