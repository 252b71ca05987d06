"""Processes held by pidfds: signalled only after each was checked again."""

import os
import signal
from collections.abc import Iterable

from ebpftrace.act.actions.support.running import readable
from ebpftrace.act.process.identity import RefusedError, Target, open_process
from ebpftrace.errors import GoneError


class PidfdSet:
    """Who of them still runs; `refused` says why one was let go that must not be touched."""

    def __init__(self) -> None:
        self._held: dict[Target, int] = {}
        self.refused = ""
        self.gone = ""

    @property
    def fds(self) -> tuple[int, ...]:
        """Readable as one of them ends."""
        return tuple(self._held.values())

    def hold(self, targets: Iterable[Target]) -> None:
        """Also these; who has ended or must not be touched is left out."""
        for target in targets:
            if target in self._held:
                continue
            try:
                self._held[target] = open_process(target)
            except RefusedError as error:
                self.refused = error.what
            except GoneError as error:
                self.gone = error.what

    def running(self) -> int:
        """How many have not ended yet; descriptors of the others are given back."""
        for target, fd in list(self._held.items()):
            if readable(fd):
                self._let_go(target)
        return len(self._held)

    def send(self, number: signal.Signals) -> int:
        """To each that is still what and where it was; how many got it."""
        got = 0
        for target, fd in list(self._held.items()):
            try:
                # The pidfd holds the process; what it is and where it is may have changed.
                os.close(open_process(target))
                signal.pidfd_send_signal(fd, number)
            except (GoneError, ProcessLookupError):
                continue
            except RefusedError as error:
                self.refused = error.what
                self._let_go(target)
                continue
            got += 1
        return got

    def close(self) -> None:
        """Let all go."""
        for target in list(self._held):
            self._let_go(target)

    def _let_go(self, target: Target) -> None:
        os.close(self._held.pop(target))
