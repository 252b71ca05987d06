"""Holding: what becomes of stopped processes is ours to answer for, even once we are dead.

Two means see to it, each by itself. The guardian is a process that outlives the watch and
wakes whoever the map of the fuse names: it needs no news of a stop. A tether is the kernel
that wakes: it needs nobody alive.
"""

import contextlib
import errno
import os
import signal
import struct

from ebpftrace.act.fuse.holding.death_signals import DeathSignals
from ebpftrace.act.fuse.holding.watchdog_supervisor import WatchdogSupervisor
from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host import pidfd, proc
from ebpftrace.probe import watchdog
from ebpftrace.probe.loading import bpf

_SPARE = 2  # a pidfd, and a file of /proc


class Holding:
    """Who was stopped by the fuse of one probe; `map_fd` is its `Fuses.fd`.

    Made before the first bound is armed, and closed once the probe is.
    """

    def __init__(self, map_fd: int) -> None:
        self._map = os.dup(map_fd)
        self._held: dict[ProcessKey, bool] = {}  # whether it was seen standing
        self._tethers = DeathSignals()
        self._warden = WatchdogSupervisor(self._map)
        # Whoever is held can be let go, however many descriptors there are.
        self._spare = _spares()

    @property
    def guardian_pid(self) -> int | None:
        """None where none could be started."""
        return self._warden.pid

    def hold(self, key: ProcessKey) -> str:
        """It was stopped: see that it is not forgotten. "" or what is weaker than it should be.

        GoneError if it has ended. Nothing happens to one that is held already.
        """
        if key in self._held:
            return ""
        told = ""
        try:
            self._tethers.tie(key)
        except OSError as error:
            told = f"only the guardian would wake {key.pid}: no tether: {error.strerror}"
        self._held[key] = False
        return told

    def holds(self, key: ProcessKey) -> bool:
        """Whether it is ours to let go."""
        return key in self._held

    def woken(self) -> list[ProcessKey]:
        """Who goes on although it is held: somebody else let it go. Ask on each tick."""
        woken = []
        for key, stood in self._held.items():
            stands = _stands(key)
            if stands is False and stood:
                woken.append(key)
            self._held[key] = stood or bool(stands)
        return woken

    def let_go(self, key: ProcessKey) -> None:
        """Send SIGCONT to who is held; nothing happens to anyone else.

        The caller has armed it anew and removed it from the map before, so that from the
        stop on the map and the guardian, or the tether, would have woken it.
        """
        if key not in self._held:
            return
        # Also where it does not stand yet: SIGCONT takes a SIGSTOP away that is on its way.
        try:
            self._continue(key)
        finally:
            self.release(key)

    def release(self, key: ProcessKey) -> None:
        """It has ended, or somebody else let it go."""
        self._tethers.untie(key)
        self._held.pop(key, None)

    def check(self) -> str:
        """To be called on each tick: sees to the guardian; "" or what happened to it."""
        return self._warden.check()

    def close(self) -> None:
        """Let all go, also those nobody has read of. The probe is closed: none comes after."""
        for key in list(self._held):
            bpf.delete(self._map, struct.pack("=I", key.pid))
            self.let_go(key)
        watchdog.sweep(self._map, set())
        self._warden.close()
        self._tethers.close()
        for fd in (*self._spare, self._map):
            os.close(fd)

    def _continue(self, key: ProcessKey) -> None:
        try:
            _continue(key)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            while self._spare:
                os.close(self._spare.pop())
            _continue(key)
            self._spare = _spares()


def _spares() -> list[int]:
    """Descriptors to be given up in need; fewer where there are no more."""
    spares: list[int] = []
    with contextlib.suppress(OSError):
        while len(spares) < _SPARE:
            spares.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    return spares


def _continue(key: ProcessKey) -> None:
    """One that has ended needs nothing."""
    with contextlib.suppress(GoneError), pidfd.opened(key) as fd:
        pidfd.send_signal(fd, signal.SIGCONT)


def _stands(key: ProcessKey) -> bool | None:
    """None where that cannot be told, and of one that has ended or is about to."""
    try:
        stat = proc.read_stat(key.pid)
        if stat is None or not stat.started_at(key.start_boottime_ns):
            return None
        stands = watchdog.standing(key.pid, key.start_boottime_ns)
    except OSError:
        return None
    ends = not stands and (stat.state in "ZX" or proc.is_dying(key.pid))
    return None if ends else stands
