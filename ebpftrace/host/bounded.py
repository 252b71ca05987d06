"""Reads that may block in the kernel, given up on after some milliseconds.

Reading /proc/PID/cmdline or environ takes the process's mmap lock (access_remote_vm in the
kernel's mm/memory.c). A process that waits for memory may hold it for seconds: on a node
that is short of memory, which is when a watch must not block. A file that a job names may be
on a file system whose server never answers (NFS, FUSE).

A read that is stuck takes a thread or a process until it returns, so there can be few. If one
user could have all of them, nothing would be read of the processes of others.
"""

import queue
import threading
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Generic, TypeVar

from ebpftrace.host.reading.owners import is_full, owner_of

PATIENCE_SECONDS = 0.004
FILE_LOOKS = 5
"""A disk may take some milliseconds: so many looks must find a read of it stuck."""
_MOST_WAITS = 100
MOST_STUCK = 8
MOST_OF_OWNER = 2

Result = TypeVar("Result")
Read = TypeVar("Read")


class StuckReads(Generic[Read]):
    """`has_ended` tells whether a read has returned."""

    def __init__(
        self,
        has_ended: Callable[[Read], bool],
        owner: Callable[[int], Hashable] = owner_of,
    ) -> None:
        self._has_ended = has_ended
        self._owner = owner
        self._reads: list[tuple[Hashable, Hashable, Read]] = []

    def refuses(self, about: Hashable, pid: int) -> bool:
        """Whether no further read of this process may be tried.

        `about` is the process or the file system: one stuck read of it is enough.
        """
        self._reads = [entry for entry in self._reads if not self._has_ended(entry[2])]
        if not self._reads:
            return False
        if len(self._reads) >= MOST_STUCK or any(entry[0] == about for entry in self._reads):
            return True
        owners = (entry[1] for entry in self._reads)
        return is_full(self._owner(pid), owners, MOST_OF_OWNER)

    def add(self, about: Hashable, pid: int, read: Read) -> None:
        """A read of this process is stuck."""
        self._reads.append((about, self._owner(pid), read))

    @property
    def reads(self) -> list[Read]:
        """Those that were stuck when `refuses` was last called, and since."""
        return [read for _about, _owner, read in self._reads]


class _Call(Generic[Result]):
    """One call, made on a worker."""

    def __init__(self, function: Callable[[], Result]) -> None:
        self._function = function
        self.done = threading.Event()
        self.result: Result | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self._function()
        except BaseException as error:
            self.error = error
        finally:
            self.done.set()


def waits_in_kernel(thread_id: int) -> bool:
    """Whether a thread of ours sleeps in the kernel, and not only for Python's lock.

    For an mmap lock, a disk or an NFS server it sleeps uninterruptibly; for a FUSE server it
    can be interrupted, as it can while it waits for Python's lock: there the kernel function
    that it sleeps in tells (/proc/PID/wchan, "0" while it runs).
    """
    return _sleeps_in_kernel(Path(f"/proc/self/task/{thread_id}"))


def process_waits_in_kernel(pid: int) -> bool:
    """The same of another process that has one thread."""
    return _sleeps_in_kernel(Path(f"/proc/{pid}"))


def _sleeps_in_kernel(task: Path) -> bool:
    try:
        state = (task / "stat").read_bytes().rpartition(b") ")[2][:1]
        sleeps_in = (task / "wchan").read_bytes() if state == b"S" else b"0"
    except OSError:
        return False
    return state == b"D" or (sleeps_in not in (b"", b"0") and b"futex" not in sleeps_in)


class BoundedReader:
    """Makes calls on a thread of its own, and gives up on one that `is_stuck` in the kernel.

    A call is given up on when so many `looks` found it stuck, one each `patience_seconds`.
    For one caller at a time. A thread that is stuck is left behind, and ends once its call
    returns; it does not keep the program from ending.
    """

    def __init__(
        self,
        is_stuck: Callable[[int], bool] = waits_in_kernel,
        patience_seconds: float = PATIENCE_SECONDS,
        looks: int = 1,
        owner: Callable[[int], Hashable] = owner_of,
    ) -> None:
        self._is_stuck = is_stuck
        self._patience_seconds = patience_seconds
        self._looks = looks
        self._calls: queue.SimpleQueue[_Call[Any] | None] | None = None
        self._thread_id = 0
        self._stuck = StuckReads[_Call[Any]](lambda call: call.done.is_set(), owner)
        self.timeouts = 0
        """How many calls were given up on, or not made since too many are stuck."""

    def call(self, pid: int, function: Callable[[], Result]) -> Result | None:
        """What the function returns; None if that takes too long. Raises what it raises.

        No second call is made about a process while one is stuck, nor a third for one user.
        """
        if self._stuck.refuses(pid, pid):
            self.timeouts += 1
            return None
        calls = self._calls or self._start()
        call = _Call(function)
        calls.put(call)
        if not self._wait(call):
            calls.put(None)  # the thread ends once it is not stuck any more
            self._calls = None
            self._stuck.add(pid, pid, call)
            self.timeouts += 1
            return None
        if call.error is not None:
            raise call.error
        return call.result

    def _start(self) -> "queue.SimpleQueue[_Call[Any] | None]":
        self._calls = queue.SimpleQueue()
        thread = threading.Thread(
            target=_work, args=(self._calls,), name="bounded reads", daemon=True
        )
        thread.start()
        self._thread_id = thread.native_id or 0
        return self._calls

    def _wait(self, call: _Call[Any]) -> bool:
        """Whether it is done. On a machine that is merely busy it is waited for longer."""
        looks = self._looks
        for _ in range(_MOST_WAITS):
            if call.done.wait(self._patience_seconds):
                return True
            looks -= self._is_stuck(self._thread_id)
            if looks <= 0:
                return False
        return False


def _work(calls: "queue.SimpleQueue[_Call[Any] | None]") -> None:
    while (call := calls.get()) is not None:
        call.run()


# Two, so that files that hang do not keep /proc from being read, and the reverse.
_READER = BoundedReader()
_FILE_READER = BoundedReader(looks=FILE_LOOKS)


def bounded(pid: int, function: Callable[[], Result]) -> Result | None:
    """Calls a function that reads about this process.

    On the main thread, which is the engine's, the call is bounded; on others it is not.
    """
    if threading.current_thread() is not threading.main_thread():
        return function()
    return _READER.call(pid, function)


def bounded_file(pid: int, function: Callable[[], Result]) -> Result | None:
    """As `bounded`, for a function that looks into a file that this process chose."""
    if threading.current_thread() is not threading.main_thread():
        return function()
    return _FILE_READER.call(pid, function)


class Refusals:
    """How many threads were not started, or not in time, since others hang: see threads.py."""

    def __init__(self) -> None:
        self.count = 0


REFUSALS = Refusals()
"""Those of the program."""


def timeouts() -> int:
    """How many calls of both were given up on since the program began, and how many threads
    were not started since others hang."""
    return _READER.timeouts + _FILE_READER.timeouts + REFUSALS.count
