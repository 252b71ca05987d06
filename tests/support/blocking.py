"""Notices when a thread would block, by what it calls and not by how long that took.

A stopwatch would make the load of the machine decide a test. So the calls that can block
are replaced, for one thread, by ones that add up the longest they may block: a timeout, or
for ever. What is ready already costs nothing. A look at a file that is neither the kernel's
nor ours may block for ever, since a job may have chosen it. `Popen()` itself is exempt (it
waits for the exec of its child), and so is the short wait within `Thread.start`.
"""

import math
import os
import select
import stat
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from tests.support.file_calls import FileCalls

BOUND_SECONDS = 0.02
MOST_ENTRIES = 1000  # of folders that are listed in one stretch
_OURS = Path(__file__).resolve().parents[2]

_POPEN, _POPEN_WAIT = subprocess.Popen.__init__, subprocess.Popen.wait
_START, _JOIN = threading.Thread.start, threading.Thread.join
_CONDITION_WAIT = threading.Condition.wait
_POLL, _READ, _SLEEP, _WAITPID = select.poll, os.read, time.sleep, os.waitpid


class BlockingGuard:
    """`waits` has a line for each stretch in which the thread may block longer than 20 ms.

    A stretch ends with `rest`: the engine calls it where it may wait. It may look into
    `folders`, which are those of the audit log, the control socket and the like.
    """

    def __init__(self, *folders: Path) -> None:
        self.waits: list[str] = []
        self._thread = threading.get_ident()
        self._exempt = 0
        self._seconds = 0.0
        self._entries = 0
        self.most_entries = 0
        """Of folders, that were read in a stretch."""
        own = (*folders, _OURS, *map(Path, sys.path))
        self._files = FileCalls(own, lambda: self.charge(None), self._list, self._watched)

    def rest(self) -> None:
        """The next stretch begins."""
        self._seconds = 0.0
        self._entries = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Within this block the calls that can block are replaced."""
        with (
            mock.patch.object(time, "sleep", self._sleep),
            mock.patch.object(select, "poll", lambda: _GuardedPoll(self)),
            mock.patch.object(subprocess.Popen, "wait", self._popen_wait()),
            mock.patch.object(subprocess.Popen, "__init__", self._exempted(_POPEN)),
            mock.patch.object(threading.Thread, "start", self._exempted(_START)),
            mock.patch.object(threading.Condition, "wait", self._condition_wait()),
            mock.patch.object(threading.Thread, "join", self._join()),
            mock.patch.object(os, "read", self._read),
            mock.patch.object(os, "waitpid", self._waitpid),
            mock.patch.object(os, "fsync", self._disk(os.fsync)),
            mock.patch.object(os, "fdatasync", self._disk(os.fdatasync)),
            self._files.replaced(),
        ):
            yield

    def charge(self, seconds: float | None) -> None:
        """The thread may block for so long; None: for ever."""
        if not self._watched():
            return
        self._seconds += math.inf if seconds is None or seconds < 0 else seconds
        if self._seconds > BOUND_SECONDS:
            self._note(f"{self._seconds} s")
            self._seconds = 0.0

    def _list(self, entries: int) -> None:
        """So many entries of a folder were read."""
        self._entries += entries
        self.most_entries = max(self.most_entries, self._entries)
        if self._entries > MOST_ENTRIES:
            self._note(f"{self._entries} entries")
            self._entries = 0

    def _note(self, what: str) -> None:
        self._exempt += 1  # the stack is read from files
        try:
            stack = traceback.extract_stack()[:-3]
        finally:
            self._exempt -= 1
        calls = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in stack[-6:]]
        self.waits.append(f"{what}: {' < '.join(reversed(calls))}")

    def _watched(self) -> bool:
        return threading.get_ident() == self._thread and not self._exempt

    def _sleep(self, seconds: float) -> None:
        self.charge(seconds)
        _SLEEP(seconds)

    def _read(self, fd: int, size: int) -> bytes:
        if threading.get_ident() == self._thread and _would_block(fd):
            self.charge(None)
        return _READ(fd, size)

    def _waitpid(self, pid: int, options: int) -> tuple[int, int]:
        ended = _WAITPID(pid, options | os.WNOHANG)
        if ended[0] or options & os.WNOHANG:
            return ended
        self.charge(None)
        return _WAITPID(pid, options)

    def _disk(self, original: Callable[[int], None]) -> Callable[[int], None]:
        def sync(fd: int) -> None:
            self.charge(None)
            original(fd)

        return sync

    def _popen_wait(self) -> Callable[..., int]:
        def wait(process: subprocess.Popen[Any], timeout: float | None = None) -> int:
            if process.poll() is None:
                self.charge(timeout)
            return _POPEN_WAIT(process, timeout)

        return wait

    def _condition_wait(self) -> Callable[..., bool]:
        def wait(condition: threading.Condition, timeout: float | None = None) -> bool:
            if timeout is None:
                self.charge(None)
            notified = _CONDITION_WAIT(condition, timeout)
            if not notified:  # it blocked all the while
                self.charge(timeout)
            return notified

        return wait

    def _join(self) -> Callable[..., None]:
        def join(thread: threading.Thread, timeout: float | None = None) -> None:
            if thread.is_alive():
                self.charge(timeout)
            _JOIN(thread, timeout)

        return join

    def _exempted(self, original: Callable[..., None]) -> Callable[..., None]:
        def call(*args: Any, **kwargs: Any) -> None:
            if threading.get_ident() != self._thread:
                return original(*args, **kwargs)
            self._exempt += 1
            try:
                return original(*args, **kwargs)
            finally:
                self._exempt -= 1

        return call


class _GuardedPoll:
    """In place of `select.poll()`."""

    def __init__(self, guard: BlockingGuard) -> None:
        self._guard = guard
        self._real = _POLL()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def poll(self, timeout_ms: float | None = None) -> list[tuple[int, int]]:
        if timeout_ms != 0 and not self._real.poll(0):
            self._guard.charge(None if timeout_ms is None else timeout_ms / 1000)
        return self._real.poll(timeout_ms)


def _would_block(fd: int) -> bool:
    """Whether it is a blocking pipe, socket or terminal that has nothing to read."""
    mode = os.fstat(fd).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(fd)):
        return False
    poll = _POLL()
    poll.register(fd, select.POLLIN)
    return os.get_blocking(fd) and not poll.poll(0)
