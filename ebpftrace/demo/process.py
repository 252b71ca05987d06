"""Processes that end with their parent, and waiting for their end."""

import ctypes
import os
import select
import signal
import time

from ebpftrace.errors import GoneError
from ebpftrace.host import pidfd

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with(parent: int, signum: signal.Signals) -> None:
    """Have the kernel send `signum` to this process when its parent ends, even by kill -9.

    Call it between fork and exec: the setting survives exec, and if the parent has ended
    already, the program never runs. `parent` is the pid that called fork.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, int(signum), 0, 0, 0)
    if os.getppid() != parent:  # it ended before the setting was made
        os.kill(os.getpid(), signal.SIGKILL)


def open_pidfd(pid: int) -> int | None:
    """A pidfd of the process; None if it has ended."""
    try:
        return pidfd.open_by_pid(pid)
    except GoneError:
        return None


def await_end(pidfds: list[int], seconds: float) -> bool:
    """Wait until all of these processes have ended; False if the time is up first."""
    deadline = time.monotonic() + seconds
    for fd in pidfds:
        left_ms = max(0.0, deadline - time.monotonic()) * 1000
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        if not poll.poll(left_ms):
            return False
    return True
