"""Reads that may block in the kernel, given up on after some milliseconds.

Reading /proc/PID/cmdline or environ takes the process's mmap lock (access_remote_vm in the
kernel's mm/memory.c). A process that waits for memory may hold it for seconds: on a node
that is short of memory, which is when a watch must not block.
"""

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

PATIENCE_SECONDS = 0.004
_MOST_WAITS = 100
MOST_STUCK = 4  # threads; while so many are stuck, no read is tried

Result = TypeVar("Result")


class _Call(Generic[Result]):
    """One call, made on a worker."""

    def __init__(self, pid: int, function: Callable[[], Result]) -> None:
        self.pid = pid
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
    """Whether a thread of ours sleeps uninterruptibly, as one does for an mmap lock.

    One that only waits for a processor or for Python's lock does not.
    """
    try:
        stat = Path(f"/proc/self/task/{thread_id}/stat").read_bytes()
    except OSError:
        return False
    return stat.rpartition(b") ")[2].startswith(b"D")


class BoundedReader:
    """Makes calls on a thread of its own, and gives up on one that `is_stuck` in the kernel.

    For one caller at a time. A thread that is stuck is left behind, and ends once its call
    returns; it does not keep the program from ending.
    """

    def __init__(
        self,
        is_stuck: Callable[[int], bool] = waits_in_kernel,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._is_stuck = is_stuck
        self._patience_seconds = patience_seconds
        self._calls: queue.SimpleQueue[_Call[Any] | None] | None = None
        self._thread_id = 0
        self._stuck: list[_Call[Any]] = []
        self.timeouts = 0
        """How many calls were given up on, or not made since too many were stuck."""

    def call(self, pid: int, function: Callable[[], Result]) -> Result | None:
        """What the function returns; None if that takes too long. Raises what it raises.

        No second call is made for a process while one about it is stuck.
        """
        self._stuck = [call for call in self._stuck if not call.done.is_set()]
        if len(self._stuck) >= MOST_STUCK or any(call.pid == pid for call in self._stuck):
            self.timeouts += 1
            return None
        calls = self._calls or self._start()
        call = _Call(pid, function)
        calls.put(call)
        if not self._wait(call):
            calls.put(None)  # the thread ends once it is not stuck any more
            self._calls = None
            self._stuck.append(call)
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
        for _ in range(_MOST_WAITS):
            if call.done.wait(self._patience_seconds):
                return True
            if self._is_stuck(self._thread_id):
                return False
        return False


def _work(calls: "queue.SimpleQueue[_Call[Any] | None]") -> None:
    while (call := calls.get()) is not None:
        call.run()


_READER = BoundedReader()


def bounded(pid: int, function: Callable[[], Result]) -> Result | None:
    """Calls a function that reads about this process.

    On the main thread, which is the engine's, the call is bounded; on others it is not.
    """
    if threading.current_thread() is not threading.main_thread():
        return function()
    return _READER.call(pid, function)


def timeouts() -> int:
    """How many calls of `bounded` were given up on since the program began."""
    return _READER.timeouts
