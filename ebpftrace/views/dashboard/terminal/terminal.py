"""A terminal: taken over, written to without blocking, and restored.

It is opened again, because O_NONBLOCK would also affect the shell, which shares the open
file of stdout. A terminal that takes nothing (Ctrl-S, a dead ssh) loses output.
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

ReturnT = TypeVar("ReturnT")

_ENTER = b"\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[2J"
# CAN first: the previous output may have ended within a sequence.
_LEAVE = b"\x18\x1b[?2026l\x1b[m\x1b[?7h\x1b[H\x1b[2J\x1b[?25h\x1b[?1049l\r"
_WRITE_TIMEOUT_S = 0.5
_FALLBACK_SIZE = (80, 24)


class Terminal:
    """The terminal behind `descriptor`. OSError if it cannot be opened."""

    def __init__(self, descriptor: int) -> None:
        self.fd = os.open(os.ttyname(descriptor), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._pending = b""
        self._saved: list[Any] | None = None

    def size(self) -> tuple[int, int]:
        """Columns and lines; 80 by 24 if it does not know (a serial line)."""
        columns, lines = os.get_terminal_size(self.fd)
        return (columns or _FALLBACK_SIZE[0], lines or _FALLBACK_SIZE[1])

    def enter(self) -> None:
        """Take over the screen; read keys one by one, without echo. Ctrl-C stays a signal."""
        if self._saved is None:
            self._saved = _retry_interrupted(lambda: termios.tcgetattr(self.fd))
        _retry_interrupted(lambda: tty.setcbreak(self.fd, termios.TCSANOW))
        self._pending = b""
        self.write(_ENTER)

    def leave(self, final_text: str = "") -> None:
        """Restore it, then write `final_text`. Bounded in time; may be called again."""
        saved = self._saved
        if saved is None:
            return
        self._pending = b""
        try:
            if not self._drain(_LEAVE, _WRITE_TIMEOUT_S):
                self._resume_output()
                self._drain(_LEAVE, _WRITE_TIMEOUT_S)
            if final_text:
                self._drain(final_text.encode(errors="replace"), _WRITE_TIMEOUT_S)
        except OSError:
            pass  # the terminal is gone
        with contextlib.suppress(termios.error):  # the terminal is gone
            # TCSANOW does not wait for pending output, as DRAIN and FLUSH would.
            _retry_interrupted(lambda: termios.tcsetattr(self.fd, termios.TCSANOW, saved))
        self._saved = None

    def close(self) -> None:
        os.close(self.fd)

    @property
    def has_unwritten(self) -> bool:
        """True while it has not taken everything yet."""
        return bool(self._pending)

    def write(self, data: bytes) -> None:
        """Write as much as it takes now; `flush` writes the rest."""
        self._pending += data
        self.flush()

    def flush(self) -> None:
        """Write what is left. OSError if the terminal is gone."""
        while self._pending:
            try:
                written = os.write(self.fd, self._pending)
            except (BlockingIOError, InterruptedError):
                return
            self._pending = self._pending[written:]

    def read(self) -> bytes:
        """The bytes of the keys pressed, or none. EOFError if the terminal hung up."""
        try:
            received = os.read(self.fd, 1024)
        except (BlockingIOError, InterruptedError):
            return b""
        if not received:
            raise EOFError("the terminal hung up")
        return received

    def _drain(self, data: bytes, seconds: float) -> bool:
        """Write all of `data`. False if that took more than `seconds`."""
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

    def _resume_output(self) -> None:
        """Undo a Ctrl-S. The kernel's TCOON only undoes its own TCOOFF."""
        with contextlib.suppress(termios.error):
            termios.tcflow(self.fd, termios.TCOOFF)
            termios.tcflow(self.fd, termios.TCOON)


def _retry_interrupted(call: Callable[[], ReturnT]) -> ReturnT:
    """Retry a call that a signal interrupted: termios does not, unlike os (PEP 475)."""
    while True:
        try:
            return call()
        except termios.error as error:
            if error.args[0] != errno.EINTR:
                raise
