"""Writing to a reader who may stop reading: a pipe that is full must not hold a watch."""

import io
import os
import select
from collections.abc import Callable
from typing import TextIO

from ebpftrace.errors import EbpftraceError


def interruptible(stdout: TextIO, wait_to_write: Callable[[int], bool]) -> TextIO:
    """`stdout` for a watch: unbuffered, and never stuck where the watch is to end.

    `wait_to_write` waits until a descriptor takes more; False: it does not, and nobody
    waits any longer. Then EbpftraceError is raised, once; what is written after that is
    dropped. What `stdout` is no descriptor of (a StringIO) comes back as it is.
    """
    try:
        fd = stdout.fileno()
    except OSError:
        return stdout
    stdout.flush()
    raw = _Pieces(fd, wait_to_write, terminal=stdout.isatty())
    # It writes all that it is given, as the wrapper expects of a buffer.
    return io.TextIOWrapper(  # type: ignore[type-var]
        raw,
        encoding=stdout.encoding,
        errors="replace",
        write_through=True,
    )


class _Pieces(io.RawIOBase):
    """Writes piece by piece, each when there is room: a pipe takes PIPE_BUF bytes then."""

    def __init__(
        self, fd: int, wait_to_write: Callable[[int], bool], *, terminal: bool
    ) -> None:
        self._fd = fd
        self._wait_to_write = wait_to_write
        self._terminal = terminal
        self._given_up = False

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        """All of it. EbpftraceError where the reader does not read and the watch ends."""
        rest = memoryview(data)
        while rest and not self._given_up:
            if not self._wait_to_write(self._fd):
                self._given_up = True
                raise EbpftraceError(
                    "the end of the output is lost",
                    why="the watch was told to end, and the reader of its output did not read",
                    fix="let the reader read on, or end it first",
                )
            rest = rest[os.write(self._fd, rest[: select.PIPE_BUF]) :]
        return len(data)

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return self._terminal

    def writable(self) -> bool:
        return True
