"""Processes held by pidfds. Source: pidfd_open(2), pidfd_send_signal(2).

A pid by itself may be reused. A pidfd names one process for good; the start time, read
once it is open, tells whether that is the process that was asked for.
"""

import contextlib
import errno
import os
import signal
from collections.abc import Iterator

from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc
from ebpftrace.host.ready import is_readable


def open_by_pid(pid: int) -> int:
    """A pidfd of the process that has this pid now, to be closed by the caller.

    Only for a child that is not reaped yet, whose pid cannot be reused, and for callers that
    check afterwards which process it is. GoneError if there is none, also where a thread has
    the pid now, or a process that is being reaped; OSError where no descriptor is left.
    """
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        if error.errno in (errno.ESRCH, errno.EINVAL, errno.ENOENT):
            raise GoneError(f"{pid} has ended") from error
        raise


def open_pidfd(key: ProcessKey) -> int:
    """A pidfd of this process, to be closed by the caller.

    GoneError if it has ended, whether or not its pid is in use again. OSError where no
    descriptor is left.
    """
    return open_with_stat(key)[0]


def open_with_stat(key: ProcessKey) -> tuple[int, proc.Stat]:
    """The same, with the stat file that was read for it."""
    fd = open_by_pid(key.pid)
    try:
        stat = proc.read_stat(key.pid)
        # Not by the state, which is Z as soon as the first thread has ended.
        if stat is None or has_ended(fd):
            raise GoneError(f"{key.pid} has ended")
        if not stat.started_at(key.start_boottime_ns):
            raise GoneError(f"{key.pid} has ended; its pid is another process's now")
    except BaseException:
        os.close(fd)
        raise
    return fd, stat


@contextlib.contextmanager
def opened(key: ProcessKey) -> Iterator[int]:
    """`open_pidfd` for the length of a `with` block."""
    fd = open_pidfd(key)
    try:
        yield fd
    finally:
        os.close(fd)


def is_alive(key: ProcessKey) -> bool:
    """Whether this process has not ended; True also where that cannot be found out."""
    try:
        with opened(key):
            return True
    except GoneError:
        return False
    except OSError:
        return True


def has_ended(pidfd: int) -> bool:
    """Whether the last thread of the process has ended, reaped or not. Never waits."""
    return is_readable(pidfd)


def send_signal(pidfd: int, number: signal.Signals) -> bool:
    """Send a signal; False if the process has ended. OSError where it is not permitted."""
    try:
        signal.pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        return False
    return True
