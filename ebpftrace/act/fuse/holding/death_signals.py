"""Tethers: the kernel itself sends SIGCONT as the process that holds them dies.

The reading end of a pipe is owned by the stopped process (F_SETOWN) and asks for SIGCONT
(F_SETSIG, O_ASYNC). However we end, the kernel closes what we had open; where the writing
end goes first, the owner of each reading end is told: pipe_release() in fs/pipe.c,
send_sigio() in fs/fcntl.c. The kernel holds the owner by its struct pid, so a pid that is
given again is nobody's trouble.

Which end goes first is up to the kernel. Since Linux 4.4 it is the highest descriptor
(c82199061009 "task_work: remove fifo ordering guarantee"). Nothing here depends on it:
there are two pipes, one with its writing end above the reading ends, one with it below.
"""

import fcntl
import os
import resource
import signal

from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc

_HIGHEST = 4000
"""A table of descriptors is as long as its highest: this one is 32 KiB."""


class DeathSignals:
    """Two pipes, shared by all; and for each process an end of its own of both."""

    def __init__(self) -> None:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        limit = _HIGHEST if soft == resource.RLIM_INFINITY else min(soft - 8, _HIGHEST)
        self._above = _raised(os.pipe(), limit)
        self._below = os.pipe()
        self._tied: dict[ProcessKey, list[int]] = {}

    def tie(self, key: ProcessKey) -> None:
        """From here on it goes on when we die.

        GoneError if it has ended; OSError, and it is not tied, where descriptors ran out.
        """
        ends: list[int] = []
        try:
            ends.append(_owned(self._above[0], key))
            ends.append(_lifted(_owned(self._below[0], key), self._below[1]))
            # The owner cannot change any more: who it is can be asked safely only now.
            stat = proc.read_stat(key.pid)
            if stat is None or not stat.started_at(key.start_boottime_ns):
                raise GoneError(f"{key.pid} has ended")
            for end in ends:
                _set_async(end, True)
        except BaseException:
            _close(ends)
            raise
        self._tied[key] = ends

    def untie(self, key: ProcessKey) -> None:
        """Our death means nothing to it any more."""
        _close(self._tied.pop(key, []))

    def close(self) -> None:
        """Untie all, and signal nobody."""
        for key in list(self._tied):
            self.untie(key)
        _close([*self._above, *self._below])


def _raised(pipe: tuple[int, int], limit: int) -> tuple[int, int]:
    """The same pipe, its writing end at the first free descriptor from `limit` on."""
    reader, writer = pipe
    high = fcntl.fcntl(writer, fcntl.F_DUPFD_CLOEXEC, limit)
    os.close(writer)
    return reader, high


def _owned(reader: int, key: ProcessKey) -> int:
    """Another open file of the same pipe, which its owner is told of by SIGCONT."""
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


def _lifted(end: int, above: int) -> int:
    """The same file at a descriptor above another one."""
    if end > above:
        return end
    try:
        return fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, above + 1)
    finally:
        os.close(end)


def _set_async(end: int, wanted: bool) -> None:
    flags = fcntl.fcntl(end, fcntl.F_GETFL)
    changed = flags | os.O_ASYNC if wanted else flags & ~os.O_ASYNC
    fcntl.fcntl(end, fcntl.F_SETFL, changed)


def _close(ends: list[int]) -> None:
    for end in ends:
        os.close(end)  # takes its O_ASYNC with it
