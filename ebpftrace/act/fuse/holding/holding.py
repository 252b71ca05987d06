"""Resumes the processes that the fuse stopped, even if the watch is killed.

Two mechanisms do so independently. The watchdog is a process that outlives the watch and
resumes all processes in the fuse's map: it needs no report of a stop. A death signal is
sent by the kernel when the watch dies: it needs no other process.
"""

import contextlib
import os
import signal
import struct

from ebpftrace.act.fuse.holding.death_signals import DeathSignals
from ebpftrace.act.fuse.holding.watchdog_supervisor import WatchdogSupervisor
from ebpftrace.descriptors import with_spares
from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host import pidfd, proc
from ebpftrace.host.ready import WaitReadable, wait_readable
from ebpftrace.probe import watchdog
from ebpftrace.probe.loading import bpf


class Holding:
    """The stopped processes of one probe; `map_fd` is its `KernelFuses.fd`.

    Construct it before the first bound is armed, and close it after the probe.
    """

    def __init__(self, map_fd: int) -> None:
        self._map = os.dup(map_fd)
        self._held: dict[ProcessKey, bool] = {}  # whether it was seen stopped
        self._death_signals = DeathSignals()
        self._supervisor = WatchdogSupervisor(self._map)

    @property
    def watchdog_pid(self) -> int | None:
        """None where none could be started."""
        return self._supervisor.pid

    def hold(self, key: ProcessKey) -> str:
        """Resume a stopped process if we die; returns "", or why only the watchdog would.

        GoneError if it has ended. A process that is held already is left as it is.
        """
        if key in self._held:
            return ""
        weakness = ""
        try:
            self._death_signals.register(key)
        except OSError as error:
            weakness = (
                f"process {key.pid} has no death signal, only the watchdog would resume it: "
                f"{error.strerror}"
            )
        self._held[key] = False
        return weakness

    def holds(self, key: ProcessKey) -> bool:
        """Whether a process is held."""
        return key in self._held

    def resumed_by_others(self) -> list[ProcessKey]:
        """The held processes that run because another program resumed them."""
        resumed = []
        for key, was_stopped in self._held.items():
            is_stopped = _is_stopped(key)
            if is_stopped is False and was_stopped:
                resumed.append(key)
            self._held[key] = was_stopped or bool(is_stopped)
        return resumed

    def resume(self, key: ProcessKey) -> None:
        """Send SIGCONT to a held process, and hold it no longer; ignores all others.

        The caller has set its next bound and removed it from the fuse's map before. Until
        then the map and the watchdog, or the death signal, would have resumed it.
        """
        if key not in self._held:
            return
        # Even if it is not stopped yet: SIGCONT cancels a pending SIGSTOP.
        try:
            with_spares(lambda: _send_continue(key))
        finally:
            self.release(key)

    def release(self, key: ProcessKey) -> None:
        """Hold a process no longer: it has ended, or another program resumed it."""
        self._death_signals.unregister(key)
        self._held.pop(key, None)

    def check(self) -> str:
        """Restart the watchdog if it has ended; "" or what happened. Call it on each tick."""
        return self._supervisor.check()

    def close(self, wait: WaitReadable = wait_readable) -> None:
        """Resume all, also those whose stop was not read, and wait for the watchdog's end.

        The probe is closed by then.
        """
        for key in list(self._held):
            bpf.delete(self._map, struct.pack("=I", key.pid))
            self.resume(key)
        watchdog.sweep(self._map, set())
        self._supervisor.close(wait)
        self._death_signals.close()
        os.close(self._map)


def _send_continue(key: ProcessKey) -> None:
    """Ignores a process that has ended."""
    with contextlib.suppress(GoneError), pidfd.opened(key) as fd:
        pidfd.send_signal(fd, signal.SIGCONT)


def _is_stopped(key: ProcessKey) -> bool | None:
    """None if unknown, and for a process that has ended or is about to."""
    try:
        stat = proc.read_stat(key.pid)
        if stat is None or not stat.started_at(key.start_boottime_ns):
            return None
        stopped = watchdog.is_stopped(key.pid, key.start_boottime_ns)
    except OSError:
        return None
    is_ending = not stopped and (stat.state in "ZX" or proc.is_dying(key.pid))
    return None if is_ending else stopped
