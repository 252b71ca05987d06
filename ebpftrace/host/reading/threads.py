"""Threads for work that may hang, and about whose processes they are: each user has a share.

A thread that hangs keeps some descriptors as well, until its call returns.
"""

from collections.abc import Hashable
from threading import Thread
from typing import NamedTuple

from ebpftrace.host.bounded import REFUSALS, Refusals
from ebpftrace.host.reading.owners import is_full

MOST_AT_ONCE = 4
"""Threads of a kind about the processes of one user: further ones wait."""

MOST_LEFT_OF_OWNER = 2
MOST_LEFT = 16
"""Threads of a kind that were left behind, with which no further one is started."""


class _Work(NamedTuple):
    kind: str
    owner: Hashable
    thread: Thread


class Threads:
    """Starts threads by the kind of their work and its owner, and knows which hang.

    Those that run count as well as those that were left behind: all may turn out to hang. Used
    by one thread.
    """

    def __init__(self, refusals: Refusals) -> None:
        self._refusals = refusals
        self._waiting: list[_Work] = []
        self._running: list[_Work] = []
        self._left: list[_Work] = []

    def start(self, kind: str, owner: Hashable, thread: Thread) -> str:
        """Start a thread, now or once there is room; else the reason why not. RuntimeError.

        Call `end` or `leave` for each that was not refused.
        """
        if reason := self._refusal(kind, owner):
            self._refusals.count += 1
            return reason
        work = _Work(kind, owner, thread)
        if self._has_room(work):
            thread.start()
            self._running.append(work)
        else:
            self._waiting.append(work)
        return ""

    def end(self, thread: Thread) -> None:
        """This thread has done its work."""
        self._running = [work for work in self._running if work.thread is not thread]
        self._start_waiting()

    def leave(self, thread: Thread) -> str:
        """Nothing waits for this thread any longer; what is left of it, in words."""
        found = next((work for work in self._waiting if work.thread is thread), None)
        if found is not None:
            self._waiting.remove(found)
            self._refusals.count += 1
            return f"not started: {MOST_AT_ONCE} others about processes of its user run or hang"
        self._left += [work for work in self._running if work.thread is thread]
        self.end(thread)
        return "its thread is still running"

    def _start_waiting(self) -> None:
        """Start those for which there is room, the first ones first."""
        for work in self._waiting[:]:
            if self._has_room(work):
                try:
                    work.thread.start()
                except RuntimeError:  # the machine has no more threads: at the next end
                    return
                self._waiting.remove(work)
                self._running.append(work)

    def _has_room(self, work: _Work) -> bool:
        self._left = [left for left in self._left if left.thread.is_alive()]
        both = (*self._running, *self._left)
        taken = (it.owner for it in both if it.kind == work.kind)
        return not is_full(work.owner, taken, MOST_AT_ONCE)

    def _refusal(self, kind: str, owner: Hashable) -> str:
        self._left = [work for work in self._left if work.thread.is_alive()]
        of_kind = [work.owner for work in self._left if work.kind == kind]
        if is_full(owner, of_kind, MOST_LEFT_OF_OWNER):
            return f"{MOST_LEFT_OF_OWNER} earlier ones about processes of its user hang"
        if len(of_kind) >= MOST_LEFT:
            return f"{MOST_LEFT} earlier ones hang"
        return ""


THREADS = Threads(REFUSALS)
"""Those of the program."""
