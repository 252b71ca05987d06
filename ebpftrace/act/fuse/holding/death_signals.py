"""The kernel sends SIGCONT to registered processes when the process that registered them dies.

The reading end of a pipe is owned by the stopped process (F_SETOWN) and asks for SIGCONT
(F_SETSIG, O_ASYNC). However we end, the kernel closes our descriptors. If the writing end
is closed first, the owner of each reading end is signaled: pipe_release() in fs/pipe.c,
send_sigio() in fs/fcntl.c. The kernel refers to the owner by its struct pid, so that a
reused pid does no harm.

Which end is closed first is up to the kernel. Since Linux 4.4 it is the highest descriptor
(c82199061009 "task_work: remove fifo ordering guarantee"). To be independent of that there
are two pipes: one whose writing end is above its reading ends, one where it is below.
"""

import fcntl
import os
import resource
import signal

from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc

_HIGHEST = 4000
"""A table of descriptors is as long as its highest one needs: 32 KiB for this one."""


class DeathSignals:
    """Two pipes for all processes; each process owns one reading end of both."""

    def __init__(self) -> None:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        limit = _HIGHEST if soft == resource.RLIM_INFINITY else min(soft - 8, _HIGHEST)
        self._above = _with_high_writer(os.pipe(), limit)
        self._below = os.pipe()
        self._registered: dict[ProcessKey, list[int]] = {}

    def register(self, key: ProcessKey) -> None:
        """Send SIGCONT to this process when we die.

        GoneError if it has ended; OSError if no descriptor is left. It is not registered
        then.
        """
        ends: list[int] = []
        try:
            ends.append(_open_owned(self._above[0], key))
            ends.append(_moved_above(_open_owned(self._below[0], key), self._below[1]))
            # The owner is fixed from here on; only now is it safe to check which process it is.
            stat = proc.read_stat(key.pid)
            if stat is None or not stat.started_at(key.start_boottime_ns):
                raise GoneError(f"{key.pid} has ended")
            for end in ends:
                _set_async(end, True)
        except BaseException:
            _close(ends)
            raise
        self._registered[key] = ends

    def unregister(self, key: ProcessKey) -> None:
        """Send nothing to this process; ignores one that is not registered."""
        _close(self._registered.pop(key, []))

    def close(self) -> None:
        """Unregister all, without a signal to any of them."""
        for key in list(self._registered):
            self.unregister(key)
        _close([*self._above, *self._below])


def _with_high_writer(pipe: tuple[int, int], limit: int) -> tuple[int, int]:
    """The same pipe, its writing end at the first free descriptor from `limit` on."""
    reader, writer = pipe
    high = fcntl.fcntl(writer, fcntl.F_DUPFD_CLOEXEC, limit)
    os.close(writer)
    return reader, high


def _open_owned(reader: int, key: ProcessKey) -> int:
    """Another reading end of the same pipe, owned by the process."""
    end = os.open(f"/proc/self/fd/{reader}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.fcntl(end, fcntl.F_SETSIG, signal.SIGCONT)
        fcntl.fcntl(end, fcntl.F_SETOWN, key.pid)
    except ProcessLookupError as error:
        os.close(end)
        raise GoneError(f"{key.pid} has ended") from error
    except BaseException:
        os.close(end)
        raise
    return end


def _moved_above(end: int, other: int) -> int:
    """The same file at a descriptor above another one."""
    if end > other:
        return end
    try:
        return fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, other + 1)
    finally:
        os.close(end)


def _set_async(end: int, wanted: bool) -> None:
    flags = fcntl.fcntl(end, fcntl.F_GETFL)
    changed = flags | os.O_ASYNC if wanted else flags & ~os.O_ASYNC
    fcntl.fcntl(end, fcntl.F_SETFL, changed)


def _close(ends: list[int]) -> None:
    for end in ends:
        os.close(end)  # drops its O_ASYNC, too
