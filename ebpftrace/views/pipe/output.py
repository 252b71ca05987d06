"""Writing to a reader that may stop reading: a full pipe must not block a watch."""

import contextlib
import io
import os
import select
import stat
import sys
from collections.abc import Callable, Iterator
from typing import TextIO

from ebpftrace import heap
from ebpftrace.errors import EbpftraceError
from ebpftrace.host.ready import is_writable
from ebpftrace.ledger import LossNote
from ebpftrace.units import MIB
from ebpftrace.views.pipe.backlog import Backlog
from ebpftrace.views.pipe.waiter import OutputWaiter

_TRIM_BYTES = MIB  # a smaller backlog is not worth the millisecond that a trim takes


class NonBlockingOutput(io.TextIOBase):
    """A watch's standard output, unbuffered. Writing never waits for the reader.

    What a pipe, a socket or a terminal does not take is queued in a `Backlog`, one record
    per write, and written as the reader reads on; `format_loss` makes the record that
    reports dropped ones. When the watch ends, the rest is waited for; EbpftraceError if
    the reader does not read it. Later writes are discarded. A regular file takes
    everything at once.
    """

    def __init__(
        self,
        stdout: TextIO,
        waiter: OutputWaiter,
        format_loss: Callable[[LossNote], str],
        backlog: Backlog | None = None,
    ) -> None:
        stdout.flush()
        self._encoding = stdout.encoding
        self._terminal = stdout.isatty()
        self._file = _NonBlockingFile(stdout.fileno(), terminal=self._terminal)
        self._waiter = waiter
        self._format_loss = format_loss
        self._backlog = backlog or Backlog()
        self._rest = memoryview(b"")  # of the record that is partly written
        self._parts: Iterator[str] = iter(())  # of the same record, after that
        self._ended = False
        self._is_waiting = False  # for room
        waiter.at_end(self._finish)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the standard output."""
        return self._encoding

    def isatty(self) -> bool:
        """Whether the standard output is a terminal."""
        return self._terminal

    def writable(self) -> bool:
        """Always true."""
        return True

    def write(self, text: str, /) -> int:
        """Write one record that must not be dropped first. OSError (BrokenPipeError too)."""
        self._write(text, routine=False)
        return len(text)

    def write_routine(self, text: str) -> None:
        """Write one record that a slow reader can do without."""
        self._write(text, routine=True)

    def write_routine_parts(self, parts: Iterator[str]) -> None:
        """The same in parts. Each is made when it can be written, the last of them before
        this or another of these functions returns the next time."""
        if self._ended:
            return
        if self._is_pending():
            self._write("".join(parts), routine=True)
            return
        self._parts = parts
        self._begin()

    def _write(self, text: str, *, routine: bool) -> None:
        if self._ended:
            return
        record = text.encode(self._encoding, "replace")
        if self._is_pending():
            self._backlog.add(record, routine=routine)
        else:
            self._rest = memoryview(record)
        self._begin()

    def _is_pending(self) -> bool:
        """Whether a record is partly written. All that is left of it is made then."""
        rest = "".join(self._parts).encode(self._encoding, "replace")
        if rest:
            self._rest = memoryview(b"".join((self._rest, rest)))
        return bool(self._rest)

    def _begin(self) -> None:
        """Write what fits, also while the watch does not wait: its start may take seconds."""
        if self._write_pending() and not self._is_waiting:
            self._is_waiting = True
            self._waiter.when_writable(self._file.fd, self._write_later)

    def _write_later(self) -> bool:
        """The same when there is room. True if something is left."""
        self._is_waiting = self._write_pending()
        return self._is_waiting

    def _write_pending(self) -> bool:
        """Write what fits. True if something is left."""
        try:
            while self._rest or self._next_part() or self._next_record():
                taken = self._file.write(self._rest)
                if not taken:
                    return True
                self._rest = self._rest[taken:]
        except OSError:
            self._ended, self._rest, self._parts = True, memoryview(b""), iter(())
            raise
        if self._backlog.take_peak_bytes() >= _TRIM_BYTES:
            heap.trim()
        return False

    def _next_part(self) -> bool:
        """Make the next part of the record. False if there is none."""
        self._rest = memoryview(next(self._parts, "").encode(self._encoding, "replace"))
        return bool(self._rest)

    def _next_record(self) -> bool:
        """Take the next record from the backlog. False if it is empty."""
        record = self._backlog.take()
        if isinstance(record, LossNote):
            record = self._format_loss(record).encode(self._encoding, "replace")
        self._rest = memoryview(record or b"")
        return record is not None

    def _finish(self) -> None:
        """Wait for the reader. An error that is already ending the watch takes precedence."""
        pending_error = sys.exception()
        try:
            while not self._ended and self._write_pending():
                if self._waiter.wait_to_write(self._file.fd):
                    continue
                raise EbpftraceError(
                    "the end of the output is lost",
                    why="the watch was asked to end, and the reader of its output did not read",
                    fix="let the reader read on, or end it first",
                )
        except (EbpftraceError, OSError):
            if pending_error is None:
                raise
        finally:
            self._ended = True
            self._file.close()


class _NonBlockingFile:
    """A non-blocking descriptor for the file behind stdout.

    O_NONBLOCK belongs to the open file, which other processes may have as their stdout: a
    pipe or a terminal is therefore opened again. A socket cannot be; it is polled before
    every write, and given no more than PIPE_BUF bytes at a time.
    """

    def __init__(self, fd: int, *, terminal: bool) -> None:
        mode = os.fstat(fd).st_mode
        self._polls = False
        if stat.S_ISFIFO(mode) or terminal:
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            with contextlib.suppress(OSError):  # no /proc, no permission, or no reader left
                self.fd = os.open(f"/proc/self/fd/{fd}", flags)
                return
        self.fd = os.dup(fd)
        self._polls = not stat.S_ISREG(mode)

    def write(self, data: memoryview) -> int:
        """The number of bytes written; 0 if there is no room."""
        if self._polls:
            return os.write(self.fd, data[: select.PIPE_BUF]) if is_writable(self.fd) else 0
        try:
            return os.write(self.fd, data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        """Close the descriptor; call it once."""
        os.close(self.fd)
