"""Processes held by pidfds, each checked again before it is signalled."""

import os
import signal
from collections.abc import Iterable

from ebpftrace.act.process.identity import (
    NoDescriptorError,
    RefusedError,
    Target,
    open_process,
)
from ebpftrace.descriptors import keep
from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host import pidfd


class PidfdSet:
    """The processes among its targets that still run.

    Where descriptors are few, some targets have one only while they are signalled, until
    others have ended. `refused` and `ended` say why the last target that was left out was.
    `signalled` has those that were signalled before, and gets those that are.
    """

    def __init__(self, signalled: set[ProcessKey] | None = None) -> None:
        self._fds: dict[Target, int] = {}
        self._waiting: dict[Target, None] = {}  # for a descriptor
        self._signalled: set[ProcessKey] = set() if signalled is None else signalled
        self.refused = ""
        self.ended = ""

    @property
    def fds(self) -> tuple[int, ...]:
        """Readable as one of the processes ends."""
        return tuple(self._fds.values())

    @property
    def empty(self) -> bool:
        """Whether no target is left."""
        return not (self._fds or self._waiting)

    def add(self, targets: Iterable[Target]) -> None:
        """Add these; those that have ended or must not be touched are left out."""
        for target in targets:
            if target not in self._fds and target not in self._waiting:
                self._waiting[target] = None
        self._open_waiting()

    def alive(self) -> int:
        """How many have not ended yet; the descriptors of the others are closed."""
        for target, fd in list(self._fds.items()):
            if pidfd.has_ended(fd):
                self._remove(target)
        self._open_waiting()
        return len(self._fds) + len(self._waiting)

    def send(self, number: signal.Signals) -> int:
        """Signal each that is still the same program in the same cgroup; returns how many.

        Where it has been signalled it may be another, in any cgroup: by executing a program or
        leaving its cgroup then, it would evade the next signal.
        """
        sent = 0
        for target, fd in list(self._fds.items()):
            try:
                # The pidfd holds the process, which may have moved or executed meanwhile.
                os.close(self._opened(target))
            except GoneError:
                continue
            except NoDescriptorError as error:
                self.refused = error.what
                continue
            except RefusedError as error:
                self.refused = error.what
                self._remove(target)
                continue
            sent += pidfd.send_signal(fd, number)
            self._signalled.add(target.key)
        for target in list(self._waiting):
            opened = self._open(target)
            if opened is not None:
                sent += pidfd.send_signal(opened, number)
                self._signalled.add(target.key)
                os.close(opened)
        return sent

    def close(self) -> None:
        """Close all descriptors."""
        for target in list(self._fds):
            self._remove(target)
        self._waiting.clear()

    def _open_waiting(self) -> None:
        for target in list(self._waiting):
            fd = self._open(target)
            if fd is None:
                continue
            try:
                self._fds[target] = keep(fd)
            except OSError:
                return  # until others have ended
            del self._waiting[target]

    def _open(self, target: Target) -> int | None:
        """A descriptor of a waiting target; None, and it waits no longer, if it is left out."""
        try:
            return self._opened(target)
        except NoDescriptorError as error:
            self.refused = error.what
            return None
        except RefusedError as error:
            self.refused = error.what
        except GoneError as error:
            self.ended = error.what
        del self._waiting[target]
        return None

    def _opened(self, target: Target) -> int:
        is_new = target.key not in self._signalled
        return open_process(target, same_cgroup=is_new, same_program=is_new)

    def _remove(self, target: Target) -> None:
        os.close(self._fds.pop(target))
