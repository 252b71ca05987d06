"""One pseudo-terminal: a program has one end, the test is the terminal at the other."""

import fcntl
import os
import pty
import struct
import termios
import time
from typing import TextIO

from tests.support.patience import patient

WAIT_SECONDS = patient(10.0)


class Pty:
    """`stdout` is the program's end. Nothing reads what it writes until `sent` does."""

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        self._ours, self._theirs = pty.openpty()
        os.set_blocking(self._ours, False)
        self.stdout: TextIO = os.fdopen(self._theirs, "w", encoding="utf-8")
        self.resize(columns, lines)

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def modes(self) -> list[object]:
        return list(termios.tcgetattr(self._theirs))

    def type(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def sent(self) -> str:
        """What was written since the last call."""
        kept = b""
        try:
            while part := os.read(self._ours, 65536):
                kept += part
        except BlockingIOError:
            pass
        return kept.decode("utf-8", "replace")

    def expect(self, text: str) -> str:
        """All that was written until this text has come; AssertionError if it does not."""
        kept, deadline = "", time.monotonic() + WAIT_SECONDS
        while text not in kept:
            assert time.monotonic() < deadline, kept
            kept += self.sent()
            time.sleep(0.01)
        return kept

    def close(self) -> None:
        self.stdout.close()
        os.close(self._ours)
