"""Writing to a reader who may stop reading: a pipe that is full must not hold a watch."""

import contextlib
import io
import os
import select
import stat
import sys
from collections.abc import Callable
from typing import Protocol, TextIO

from ebpftrace import heap
from ebpftrace.errors import EbpftraceError
from ebpftrace.ledger import LossNote
from ebpftrace.units import MIB
from ebpftrace.views.backlog import Backlog

_WORTH_A_TRIM_BYTES = MIB  # else it stays ours for good: a trim takes a millisecond or so


class Waits(Protocol):
    """Whoever waits for the whole watch; `road.waiting.Waiting` is it."""

    def when_writable(self, fd: int, write: Callable[[], bool]) -> None:
        """Call `write` whenever `fd` takes more, until it says that nothing is left."""

    def at_end(self, last: Callable[[], None]) -> None:
        """Call `last` when the watch is over."""

    def wait_to_write(self, fd: int) -> bool:
        """Wait until `fd` takes more; False: it does not, and nobody waits any longer."""


class Outflow(io.TextIOBase):
    """A watch's standard output, unbuffered. Writing never waits for its reader.

    What does not fit a pipe, a socket or a terminal is kept in a `Backlog`, a record a
    write, and written on as the reader reads; `told` makes a record of what was dropped
    from it. At the end of the watch the rest is waited for, with EbpftraceError where that
    was in vain; what is written after that is dropped. To a regular file all is written at
    once.
    """

    def __init__(
        self,
        stdout: TextIO,
        waits: Waits,
        told: Callable[[LossNote], str],
        backlog: Backlog | None = None,
    ) -> None:
        stdout.flush()
        self._encoding = stdout.encoding
        self._terminal = stdout.isatty()
        self._pipe = _Pipe(stdout.fileno(), terminal=self._terminal)
        self._waits = waits
        self._told = told
        self._backlog = backlog or Backlog()
        self._rest = memoryview(b"")  # of the record that was begun
        self._over = False
        waits.at_end(self._finish)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """As the standard output has it."""
        return self._encoding

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._terminal

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str, /) -> int:
        """One record that is to arrive; raises what writing raises (BrokenPipeError too)."""
        self._write(text, routine=False)
        return len(text)

    def write_routine(self, text: str) -> None:
        """One record of those that a reader who is late can do without."""
        self._write(text, routine=True)

    def _write(self, text: str, *, routine: bool) -> None:
        if self._over:
            return
        record = text.encode(self._encoding, "replace")
        if self._rest:
            self._backlog.add(record, routine=routine)
            return
        self._rest = memoryview(record)
        if self._write_on():
            self._waits.when_writable(self._pipe.fd, self._write_on)

    def _write_on(self) -> bool:
        """Write what fits; whether something is left."""
        try:
            while self._rest or self._take():
                taken = self._pipe.write(self._rest)
                if not taken:
                    return True
                self._rest = self._rest[taken:]
        except OSError:
            self._over, self._rest = True, memoryview(b"")
            raise
        if self._backlog.take_most() >= _WORTH_A_TRIM_BYTES:
            heap.trim()
        return False

    def _take(self) -> bool:
        """Begin the next record, if there is one."""
        following = self._backlog.take()
        if isinstance(following, LossNote):
            following = self._told(following).encode(self._encoding, "replace")
        self._rest = memoryview(following or b"")
        return following is not None

    def _finish(self) -> None:
        """Wait for the reader. An error that ends the watch goes before what is met here."""
        under_way = sys.exception()
        try:
            while not self._over and self._write_on():
                if self._waits.wait_to_write(self._pipe.fd):
                    continue
                raise EbpftraceError(
                    "the end of the output is lost",
                    why="the watch was told to end, and the reader of its output did not read",
                    fix="let the reader read on, or end it first",
                )
        except (EbpftraceError, OSError):
            if under_way is None:
                raise
        finally:
            self._over = True
            self._pipe.close()


class _Pipe:
    """A descriptor of our own for what stdout is, that does not block.

    O_NONBLOCK belongs to an open file, which others have as their stdout too: a pipe or a
    terminal is opened again. What cannot be, a socket, is asked first whether there is
    room, and given no more at a time than there is then.
    """

    def __init__(self, fd: int, *, terminal: bool) -> None:
        mode = os.fstat(fd).st_mode
        self._asks = False
        if stat.S_ISFIFO(mode) or terminal:
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            with contextlib.suppress(OSError):  # no /proc, not ours, or its reader left
                self.fd = os.open(f"/proc/self/fd/{fd}", flags)
                return
        self.fd = os.dup(fd)
        self._asks = not stat.S_ISREG(mode)
        self._room = select.poll()
        self._room.register(self.fd, select.POLLOUT)

    def write(self, data: memoryview) -> int:
        """The number of bytes that were taken: 0 where there is no room."""
        if self._asks:
            return os.write(self.fd, data[: select.PIPE_BUF]) if self._room.poll(0) else 0
        try:
            return os.write(self.fd, data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        """Once."""
        os.close(self.fd)


__all__ = ["Outflow", "Waits"]
