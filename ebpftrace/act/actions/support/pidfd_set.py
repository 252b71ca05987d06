"""Processes held by pidfds, each checked again before it is signalled."""

import os
import signal
from collections.abc import Iterable

from ebpftrace.act.process.identity import RefusedError, Target, open_process
from ebpftrace.errors import GoneError
from ebpftrace.host import pidfd


class PidfdSet:
    """The processes among its targets that still run.

    `refused` and `ended` say why the last target that was left out was.
    """

    def __init__(self) -> None:
        self._fds: dict[Target, int] = {}
        self.refused = ""
        self.ended = ""

    @property
    def fds(self) -> tuple[int, ...]:
        """Readable as one of the processes ends."""
        return tuple(self._fds.values())

    def add(self, targets: Iterable[Target]) -> None:
        """Add these; those that have ended or must not be touched are left out."""
        for target in targets:
            if target in self._fds:
                continue
            try:
                self._fds[target] = open_process(target)
            except RefusedError as error:
                self.refused = error.what
            except GoneError as error:
                self.ended = error.what

    def alive(self) -> int:
        """How many have not ended yet; the descriptors of the others are closed."""
        for target, fd in list(self._fds.items()):
            if pidfd.has_ended(fd):
                self._remove(target)
        return len(self._fds)

    def send(self, number: signal.Signals) -> int:
        """Signal each that is still the same program in the same cgroup; returns how many."""
        sent = 0
        for target, fd in list(self._fds.items()):
            try:
                # The pidfd holds the process, which may have moved or executed meanwhile.
                os.close(open_process(target))
            except GoneError:
                continue
            except RefusedError as error:
                self.refused = error.what
                self._remove(target)
                continue
            sent += pidfd.send_signal(fd, number)
        return sent

    def close(self) -> None:
        """Close all descriptors."""
        for target in list(self._fds):
            self._remove(target)

    def _remove(self, target: Target) -> None:
        os.close(self._fds.pop(target))
