"""Ends what has the memory of signalled processes after they have ended.

A program may fork when it is signalled, so that its child has all the memory, and end itself;
that child may do the same. They are killed, since they would be what the incident was about
again. A child that executes another program has none of it, and gets the time to do so.
"""

import signal
from collections.abc import Collection
from itertools import islice
from pathlib import Path

from ebpftrace.act.actions.support.tracers import Tracers
from ebpftrace.act.incident.incident import SignalMark
from ebpftrace.act.process.identity import RefusedError, Target, identify
from ebpftrace.act.process.pidfd_set import PidfdSet
from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host.memstat import read_contents
from ebpftrace.probe import Heir, HeirControl
from ebpftrace.units import NS_PER_SECOND, format_bytes

_EXEC_NS = 300_000_000
"""From the end of the processes on: how long what they forked may take to execute a program."""

_LOOK_NS, _HELD_NS = 10_000_000, 100_000_000
_WITHIN_NS = 5 * NS_PER_SECOND
_MOST = 128  # at a time: each has a descriptor until it has ended
_LEAST_SHARE = 1 / 10
"""Of what was judged. To end less would make no room, and a small child may be a clean-up."""


class Heirs:
    """Call `expect` before each signal, and `poll` once the processes have ended.

    Without a `control` nothing is found. `judged_bytes` is what the incident is about; `mark`
    is that of its steps, so that what an earlier one left is found as well. `folder` is the
    memory cgroup of it all; None: not visible. `given_paths` are the cgroups that were given
    to its job: debuggers in these are killed as well.
    """

    def __init__(
        self,
        control: HeirControl | None,
        judged_bytes: int,
        mark: SignalMark,
        folder: Path | None = None,
        given_paths: Collection[str] = (),
    ) -> None:
        self._control = control
        self._least_bytes = _LEAST_SHARE * judged_bytes
        self._mark = mark
        self._folder = folder
        self._killed: dict[ProcessKey, None] = {}
        self._dying = PidfdSet()
        self._tracers = Tracers()
        self._given_paths = given_paths
        self._began_ns = 0
        self._held_ns = 0  # when it is seen again whether debuggers hold some of them
        self._forks = 0
        self._are_small = False
        self._left: list[Heir] = []
        self._forks_on = False
        self._is_over = control is None
        self.due_ns = 0  # poll by then; 0: it is over, or has not begun

    @property
    def fds(self) -> tuple[int, ...]:
        """Poll once one of these is readable."""
        return self._dying.fds

    @property
    def killed(self) -> int:
        """How many were killed."""
        return len(self._killed)

    @property
    def left(self) -> str:
        """What was not ended in time, in words; "" if nothing is left."""
        if self._forks_on and not self._left:
            return "processes that kept its memory fork on"
        if not self._left:
            return ""
        held = format_bytes(sum(heir.held_bytes for heir in self._left))
        if len(self._left) == 1:
            return f"1 process that kept its memory still runs, with {held}"
        return f"{len(self._left)} processes that kept its memory still run, with {held}"

    def expect(self, keys: Collection[ProcessKey]) -> None:
        """These are about to be signalled."""
        if self._control is not None:
            if not self._mark.number:
                self._mark.shmem_bytes = self._shmem_bytes() or 0
            self._mark.number = self._control.expect(keys, self._mark.number)

    def poll(self, now_ns: int, ended: Collection[ProcessKey]) -> bool:
        """Kill the heirs of those that have `ended`; whether none is left, or time is up."""
        if self._is_over:
            return True
        self._began_ns = self._began_ns or now_ns
        self.due_ns = now_ns + _LOOK_NS
        if self._dying.alive() and now_ns < self._began_ns + _WITHIN_NS:
            if now_ns >= self._held_ns:  # a look at each: not whenever one of them ends
                self._held_ns = now_ns + _HELD_NS
                self._tracers.end(self._killed, self._given_paths)
            return False
        heirs, forks_on = self._found(ended), self._fork_on()
        if forks_on and not heirs and now_ns >= self._began_ns + _EXEC_NS:
            if self._are_small:
                forks_on = False  # they start programs
            else:
                self._end_all()
        if now_ns >= self._began_ns + _WITHIN_NS or not (heirs or forks_on):
            self._left, self._is_over, self.due_ns = heirs, True, 0
            self._forks_on = forks_on
        elif not heirs:
            return False  # each ends once it has forked: a look may come between
        elif now_ns < self._began_ns + _EXEC_NS:
            self.due_ns = self._began_ns + _EXEC_NS
        else:
            self._kill(heirs, now_ns)
        return self._is_over

    def close(self) -> None:
        """Close all descriptors."""
        self._dying.close()

    def _fork_on(self) -> bool:
        assert self._control is not None
        before, self._forks = self._forks, self._control.forks(self._mark.number)
        return self._forks != before

    def _found(self, ended: Collection[ProcessKey]) -> list[Heir]:
        """None of them if they have little: it would make no room to end them."""
        assert self._control is not None
        found = [it for it in self._control.heirs(self._mark.number) if it.key not in ended]
        is_enough = found and (
            self._killed
            or sum(heir.held_bytes for heir in found) >= self._least_bytes
            or self._hidden_bytes(found) >= self._least_bytes
        )
        self._are_small = bool(found) and not is_enough
        return found if is_enough else []

    def _hidden_bytes(self, heirs: Collection[Heir]) -> int:
        """The shared memory that they may have without showing it, as files or mappings.

        It is what was mapped at the signal, or made since, and is still there.
        """
        mapped_bytes = max(heir.shared_bytes for heir in heirs)
        now_bytes = self._shmem_bytes()
        if now_bytes is None:
            return mapped_bytes
        made_bytes = max(0, now_bytes - self._mark.shmem_bytes)
        return min(now_bytes, mapped_bytes + made_bytes)

    def _shmem_bytes(self) -> int | None:
        contents = None if self._folder is None else read_contents(self._folder)
        return None if contents is None else contents.shmem_bytes

    def _end_all(self) -> None:
        assert self._control is not None
        self._control.end(self._mark.number)

    def _kill(self, heirs: Collection[Heir], now_ns: int) -> None:
        self._end_all()
        targets: list[Target] = []
        for heir in islice(heirs, _MOST):
            try:
                targets.append(identify(heir.key))
            except GoneError:
                self._killed[heir.key] = None
            except RefusedError:
                continue
        self._dying.add(targets)
        self._dying.send(signal.SIGKILL)
        self._held_ns = now_ns + _HELD_NS
        self._killed.update(dict.fromkeys(target.key for target in targets))
