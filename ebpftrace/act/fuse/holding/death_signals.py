"""The kernel sends SIGCONT to registered processes when the process that registered them dies.

The reading end of a pipe is owned by the stopped process (F_SETOWN) and asks for SIGCONT
(F_SETSIG, O_ASYNC). However we end, the kernel closes our descriptors. If the writing end
is closed first, the owner of each reading end is signaled: pipe_release() in fs/pipe.c,
send_sigio() in fs/fcntl.c. The kernel refers to the owner by its struct pid, so that a
reused pid does no harm.

Which end is closed first is up to the kernel, which is asked by trying. If it is the highest
descriptor, the writing end is above all reading ends, else it is below them.
"""

import errno
import fcntl
import os
import signal

from ebpftrace.act.fuse.holding.closing_order import highest_is_closed_first
from ebpftrace.descriptors import keep, limit
from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc

_SWEEP_FROM = 128
"""Where so many are registered, it is looked for those that have ended: where a job ends and
starts processes without end, that is reported late."""

_HIGHEST = 4000
"""A table of descriptors is as long as its highest one needs: 32 KiB for this one."""


class DeathSignals:
    """A pipe for all processes; each process owns one reading end of it.

    No more than half of all descriptors are taken, and none of the last ones.
    """

    def __init__(self, *, highest_first: bool | None = None) -> None:
        if highest_first is None:
            highest_first = highest_is_closed_first()
        self._pipe = os.pipe()
        self._most = limit() // 2
        if highest_first:
            self._pipe = _with_high_writer(self._pipe, min(limit() - 8, _HIGHEST))
        self._highest_first = highest_first
        self._registered: dict[ProcessKey, int] = {}
        self._sweep_at = _SWEEP_FROM

    def register(self, key: ProcessKey) -> None:
        """Send SIGCONT to this process when we die.

        GoneError if it has ended; OSError if no descriptor is left. It is not registered
        then.
        """
        if len(self._registered) >= min(self._sweep_at, self._most):
            self._sweep()
        if len(self._registered) >= self._most:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        end = self._own_end(key)
        try:
            # The owner is fixed from here on; only now is it safe to check which process it is.
            stat = proc.read_stat(key.pid)
            if stat is None or not stat.started_at(key.start_boottime_ns):
                raise GoneError(f"{key.pid} has ended")
            _set_async(end)
        except BaseException:
            os.close(end)
            raise
        self._registered[key] = end

    def unregister(self, key: ProcessKey) -> None:
        """Send nothing to this process; ignores one that is not registered."""
        end = self._registered.pop(key, None)
        if end is not None:
            os.close(end)  # drops its O_ASYNC, too

    def close(self) -> None:
        """Unregister all, without a signal to any of them."""
        for key in list(self._registered):
            self.unregister(key)
        for end in self._pipe:
            os.close(end)

    def _sweep(self) -> None:
        """Unregister those that have ended. Look again once there are twice as many."""
        for key in [key for key in self._registered if _is_free(key.pid)]:
            self.unregister(key)
        self._sweep_at = max(_SWEEP_FROM, 2 * len(self._registered))

    def _own_end(self, key: ProcessKey) -> int:
        """A reading end that the process owns, on the right side of the writing end."""
        reader, writer = self._pipe
        end = _open_owned(reader, key)
        if not self._highest_first:
            end = _moved_above(end, writer)
        elif end > writer:
            os.close(end)
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return keep(end)


def _is_free(pid: int) -> bool:
    """Whether no process has this pid. No file is read, which may take too long."""
    try:
        os.kill(pid, 0)  # sends nothing
    except ProcessLookupError:
        return True
    except OSError:
        pass
    return False


def _with_high_writer(pipe: tuple[int, int], least: int) -> tuple[int, int]:
    """The same pipe, its writing end at the first free descriptor from `least` on."""
    reader, writer = pipe
    high = fcntl.fcntl(writer, fcntl.F_DUPFD_CLOEXEC, least)
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


def _set_async(end: int) -> None:
    fcntl.fcntl(end, fcntl.F_SETFL, fcntl.fcntl(end, fcntl.F_GETFL) | os.O_ASYNC)
