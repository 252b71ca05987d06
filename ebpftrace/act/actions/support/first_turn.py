"""The priority of a thread that a hook waits for: above all ordinary threads at first.

Beside busy jobs an ordinary thread that saves evidence takes ten times as long, and the hook
after it begins so much later. Whatever a job has made large may not take a processor from the
others for long, so the thread is a real-time one (SCHED_FIFO) only until it has used so much.
Source: sched(7).
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

_MOST_NS = 20_000_000
"""Several times what the evidence of an ordinary job takes."""

_GIVE_WAY_SECONDS = 0.005

_RESET = os.SCHED_RESET_ON_FORK
_Part = TypeVar("_Part")


def is_real_time() -> bool:
    """Whether the calling thread is one: the engine's, unless it needs much itself."""
    return os.sched_getscheduler(0) & ~_RESET == os.SCHED_FIFO


@contextlib.contextmanager
def inherited_priority() -> Iterator[None]:
    """A thread that is started meanwhile is a real-time one at once, where this one is: it need
    not wait for a processor to become one."""
    wanted, parameters = is_real_time(), os.sched_getparam(0)
    try:
        if wanted:
            with contextlib.suppress(OSError):
                os.sched_setscheduler(0, os.SCHED_FIFO, parameters)
        yield
    finally:
        if wanted:
            with contextlib.suppress(OSError):
                os.sched_setscheduler(0, os.SCHED_FIFO | _RESET, parameters)


class FirstTurn:
    """Made on the thread itself; nothing changes unless it is `wanted` and allowed.

    `cpu_ns` is the processor time of the thread.
    """

    def __init__(self, wanted: bool, cpu_ns: Callable[[], int] = time.thread_time_ns) -> None:
        self._cpu_ns = cpu_ns
        self._until_ns = cpu_ns() + _MOST_NS
        self._lasts = False
        if wanted:
            with contextlib.suppress(OSError):
                os.sched_setscheduler(0, os.SCHED_FIFO | _RESET, os.sched_param(1))
                self._lasts = True

    def during(self, parts: Iterable[_Part]) -> Iterator[_Part]:
        """The same; before each it is seen whether the thread has used too much."""
        for part in parts:
            if self._cpu_ns() >= self._until_ns:
                self.end()
            yield part

    def give_way(self) -> None:
        """Let the thread that waited act first: this one would take Python's lock from it."""
        if self._lasts:
            time.sleep(_GIVE_WAY_SECONDS)

    def end(self) -> None:
        """The thread is an ordinary one from here on."""
        if self._lasts:
            self._lasts = False
            with contextlib.suppress(OSError):
                os.sched_setscheduler(0, os.SCHED_OTHER | _RESET, os.sched_param(0))
