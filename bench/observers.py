"""The programs that are measured: ebpftrace in its modes, and comparable tools."""

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.cpu import family_seconds
from ebpftrace.history.file import VARIABLE
from ebpftrace.text import clean
from tests.support.build import ROOT, compiled
from tests.support.sessions import end_session, session_mark, text_of

BEFORE = ", before"
"""Ends the label of another checkout's ebpftrace; see `Scale.beside`."""

START_SECONDS = 90.0
STAY_SECONDS = 5.0
_CHUNK = 1 << 16
_TAIL_BYTES = 1 << 13
_COMPLAINT = re.compile(r"unable to|error", re.IGNORECASE)


class DoesNotStartError(Exception):
    """An observer ended before its first output; the message has its error line."""


@dataclass(frozen=True, slots=True)
class Observer:
    """A program that observes memory, and the output that shows that it is ready."""

    label: str
    argv: tuple[str, ...]
    ready: bytes = b""  # empty: any output
    terminal: bool = False  # its output is a terminal
    environment: tuple[tuple[str, str], ...] = ()  # besides the bench's own
    checkout: Path = ROOT  # whose ebpftrace it is


@dataclass(slots=True)
class Running:
    """An observer at work."""

    process: subprocess.Popen[bytes]
    ready_seconds: float  # from before it was started to its first output
    ready_cpu_seconds: float  # what that took of a CPU, its children included
    marked: list[float]  # monotonic seconds of each marker that was read; it grows
    _output: "_Output"

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output_bytes(self) -> int:
        """How much it has written so far."""
        return self._output.size

    @property
    def last_line(self) -> bytes:
        """The end of its last complete line of output, 8 KiB at most; empty without one."""
        return self._output.tail.rpartition(b"\n")[0].rpartition(b"\n")[2]


def ebpftrace(
    label: str,
    *options: str,
    output: str = "jsonl",
    marker: bytes = b'"type":"snapshot"',
    checkout: Path = ROOT,
) -> Observer:
    """`ebpftrace watch` with these options; ready with its first snapshot."""
    argv = (sys.executable, "-m", "ebpftrace", "watch", "--output", output, *options)
    terminal = output == "table"
    return Observer(label, argv, b"" if terminal else marker, terminal, checkout=checkout)


def bpftrace_counting(label: str, seconds: float) -> Observer | None:
    """bpftrace counting kmem:rss_stat by process, with output every so many seconds."""
    program = shutil.which("bpftrace")
    if program is None:
        return None
    script = (
        "tracepoint:kmem:rss_stat { @[pid] = count(); } "
        f'interval:ms:{round(seconds * 1000)} {{ printf("on\\n"); }}'
    )
    return Observer(label, (program, "-B", "none", "-e", script), b"on\n")


def storm() -> Path:
    """The program that makes many memory operations (storm.c)."""
    return compiled("storm", [Path(__file__).with_name("storm.c")])


@contextmanager
def running(observer: Observer) -> Iterator[Running]:
    """The observer from its first output on; it is ended with all its children.

    DoesNotStartError if it ends before its first output.
    """
    mark = session_mark()
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryDirectory() as folder:
        past = {VARIABLE: f"{folder}/history.db"}  # of this one alone
        reader, writer = pty.openpty() if observer.terminal else os.pipe()
        began = time.monotonic()
        process = subprocess.Popen(
            observer.argv,
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=errors,
            cwd=observer.checkout,
            env={**with_bytecode(), **past, **dict(observer.environment), **mark},
            start_new_session=True,
        )
        os.close(writer)
        output = _Output(reader, observer.ready)
        try:
            output.ready.wait(START_SECONDS)
            if not output.ready_at:
                process.wait(START_SECONDS)
                raise DoesNotStartError(
                    f"{observer.label} does not start: {complaint(text_of(errors))}"
                )
            cpu_seconds = family_seconds(process.pid)
            yield Running(process, output.ready_at - began, cpu_seconds, output.marked, output)
        finally:
            end_session(process, mark)
            output.join()
            os.close(reader)


def with_bytecode() -> dict[str, str]:
    """The environment of a package that is installed: its modules are compiled once."""
    return {name: it for name, it in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def complaint(text: str) -> str:
    """The line of a program's output that reports the failure, else its last line."""
    lines = [clean(line.strip()) for line in text.splitlines() if line.strip()]
    errors = (line for line in lines if _COMPLAINT.search(line))
    return next(errors, lines[-1] if lines else "no output")


def does_not_start(argv: Sequence[str]) -> str | None:
    """The error line of a program that ends as soon as it is started; None if it runs."""
    mark = session_mark()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **mark},
            start_new_session=True,
        )
        try:
            process.wait(STAY_SECONDS)
            return complaint(text_of(output))
        except subprocess.TimeoutExpired:
            return None
        finally:
            end_session(process, mark)


class _Output(threading.Thread):
    """Reads all that an observer writes, so that its pipe is never full."""

    def __init__(self, reader: int, marker: bytes) -> None:
        super().__init__()
        self.ready = threading.Event()  # the marker was read, or the output ended
        self.ready_at = 0.0  # monotonic seconds; 0: it was not read
        self.marked: list[float] = []  # the same, of each marker
        self.size = 0  # bytes
        self.tail = b""  # the last of them
        self._reader, self._marker = reader, marker
        self.start()

    def run(self) -> None:
        seen = b""
        while data := self._read():
            self.size += len(data)
            self.tail = (self.tail + data)[-_TAIL_BYTES:]
            seen = seen[-max(0, len(self._marker) - 1) :] + data if self._marker else data
            found = seen.count(self._marker) if self._marker else 1
            self.marked += [time.monotonic()] * found
            if found and not self.ready_at:
                self.ready_at = self.marked[0]
                self.ready.set()
        self.ready.set()

    def _read(self) -> bytes:
        try:
            return os.read(self._reader, _CHUNK)
        except OSError:  # EIO: the terminal's other side is closed
            return b""
