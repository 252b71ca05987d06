"""The priority of the engine's thread: above all ordinary threads, for a bounded time.

On a busy node it would wait for a processor behind the jobs, for tens of milliseconds, and
a hook with it. As a real-time thread (SCHED_FIFO) it does not wait. Whatever floods it with
events must not take a processor from the jobs in this way, so it is one only while it needs
little. What it starts has the ordinary priority (SCHED_RESET_ON_FORK), a hook from its first
instruction on (`act/actions/support/spawn.py`). Source: sched(7).
"""

import os
import time
from collections.abc import Callable

from ebpftrace.units import NS_PER_SECOND

_SHARE = 0.05  # of a processor, for real-time
_MOST_NS = NS_PER_SECOND // 20  # what it may use at once, after it used little
_ENOUGH_NS = _MOST_NS // 2  # what it must have saved to be a real-time thread again


class TurnPriority:
    """Call `waited` each time the thread has waited. Where it is not allowed, nothing changes.

    What the thread does between two waits is not interrupted; if that takes long, it is an
    ordinary thread for twenty times as long.

    `cpu_ns` is the processor time of this thread, `clock` CLOCK_MONOTONIC; `set_real_time`
    raises OSError.
    """

    def __init__(
        self,
        cpu_ns: Callable[[], int] = time.thread_time_ns,
        clock: Callable[[], int] = time.monotonic_ns,
        set_real_time: Callable[[bool], None] | None = None,
    ) -> None:
        self._cpu_ns = cpu_ns
        self._clock = clock
        self._set = set_real_time or _set_real_time
        self._left_ns = _MOST_NS
        self._at_ns, self._used_ns = clock(), cpu_ns()
        self._real_time = False
        self._allowed = True
        self._change(True)

    def waited(self) -> None:
        """Count what the thread used since the last call."""
        if not self._allowed:
            return
        now_ns, used_ns = self._clock(), self._cpu_ns()
        gained_ns = int((now_ns - self._at_ns) * _SHARE)
        spent_ns = used_ns - self._used_ns
        self._left_ns = min(_MOST_NS, self._left_ns + gained_ns - spent_ns)
        self._at_ns, self._used_ns = now_ns, used_ns
        if self._real_time and self._left_ns < 0:
            self._change(False)
        elif not self._real_time and self._left_ns >= _ENOUGH_NS:
            self._change(True)

    def _change(self, real_time: bool) -> None:
        try:
            self._set(real_time)
        except OSError:  # a container without CAP_SYS_NICE, or without real-time bandwidth
            self._allowed = False
        else:
            self._real_time = real_time


def _set_real_time(real_time: bool) -> None:
    policy, priority = (os.SCHED_FIFO, 1) if real_time else (os.SCHED_OTHER, 0)
    os.sched_setscheduler(0, policy | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
