"""Reads executables in a process of its own, and gives up on one whose file system hangs.

Not on a thread: one that waits for a FUSE server's answer keeps its process from ending. The
child is started with the first question; it has no descriptor of the watch but its socket. A
child that is stuck is left behind, and ends once its read returns.
"""

import contextlib
import json
import os
import select
import socket
import sys
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ebpftrace
from ebpftrace.engine.programs.time_shares import TimeShares
from ebpftrace.golang.serve import MESSAGE_BYTES
from ebpftrace.host import bounded
from ebpftrace.host.bounded import StuckReads
from ebpftrace.host.reading.owners import owner_of

if TYPE_CHECKING:
    from ebpftrace.golang.buildinfo import GoProgram

_MOST_WAITS = 100
_START_SECONDS = 5.0
_ROOT = Path(ebpftrace.__file__).parents[1]
_CODE = (
    f"import sys; sys.path.append({str(_ROOT)!r}); "
    "from ebpftrace.golang.serve import serve; serve"
)


class AskLaterError(Exception):
    """There is no answer now, and that says nothing about the file."""


class ProgramReader:
    """For one thread. `timeouts` counts the questions without an answer in time.

    A question is given up on when so many `looks` found the child stuck, one each
    `patience_seconds`.
    """

    def __init__(
        self,
        is_stuck: Callable[[int], bool] = bounded.process_waits_in_kernel,
        patience_seconds: float = bounded.PATIENCE_SECONDS,
        looks: int = bounded.FILE_LOOKS,
        idle_seconds: float | None = None,
        owner: Callable[[int], Hashable] = owner_of,
    ) -> None:
        """A child that has nothing to do for `idle_seconds` ends, and gives memory back."""
        self._is_stuck = is_stuck
        self._patience_seconds = patience_seconds
        self._looks = looks
        self._idle_seconds = idle_seconds
        self._child: _Child | None = None
        self._stuck = StuckReads[_Child](_Child.has_ended, owner)
        self._shares = TimeShares(owner=owner)
        self._leaving: list[_Child] = []
        self.timeouts = 0

    def program(self, pid: int, about: Hashable, path: Path) -> "GoProgram | None":
        """As `read_go_program`, for this process; None also without an answer in time.

        `about` is the file system or the process: no second question is asked about one
        while the first is stuck. AskLaterError while a child starts, and where the files of
        the same user have taken too much time of late.
        """
        if self._shares.is_spent(pid) or not self._is_ready():
            raise AskLaterError
        began = time.monotonic()
        answer = self._ask(pid, about, ["program", str(path)])
        self._shares.spend(pid, time.monotonic() - began)
        if not answer:
            return None
        from ebpftrace.golang.buildinfo import GoProgram

        return GoProgram(answer[0])

    def version(self, pid: int, about: Hashable, path: Path) -> str:
        """As `read_main_version`; "" also without an answer in time, or without a child."""
        try:
            answer = self._ask(pid, about, ["version", str(path)])
        except AskLaterError:
            self.timeouts += 1
            return ""
        return answer[0] or "" if answer else ""

    def prepare(self) -> None:
        """Start the child, and wait until it has started: before anything is watched."""
        import ebpftrace.golang.buildinfo  # noqa: F401 - not later, where memory may be short

        with contextlib.suppress(OSError):  # the next question tries again
            self._child = self._child or _Child(self._idle_seconds)
            self._child.wait_until_ready()

    def close(self) -> None:
        """End the child, and wait for none: one that is stuck ends later."""
        if self._child is not None:
            self._child.disconnect()
            self._leaving.append(self._child)
            self._child = None

    def _is_ready(self) -> bool:
        """False while a child starts in place of one that is stuck: not to be waited for."""
        if self._child is None or self._child.ready or not self._stuck.reads:
            return True
        try:
            if self._child.has_message(0):
                self._child.ready = bool(self._child.receive())
            return self._child.ready
        except OSError:  # it has ended: `_answer` starts another
            return True

    def _ask(self, pid: int, about: Hashable, request: list[str]) -> list[Any] | None:
        self._leaving = [child for child in self._leaving if not child.has_ended()]
        answer = None
        if not self._stuck.refuses(about, pid):
            answer = self._answer(pid, about, json.dumps(request).encode())
        if answer is None:
            self.timeouts += 1
            return None
        return list(json.loads(answer))

    def _answer(self, pid: int, about: Hashable, request: bytes) -> bytes | None:
        for _ in range(2):  # one that has been idle has ended
            try:
                self._child = child = self._child or _Child(self._idle_seconds)
                if not child.ready:
                    child.ready = self._wait(child, lambda _pid: True) is not None
                    if not child.ready:
                        raise AskLaterError
                child.send(request)
                answer = self._wait(child, self._is_stuck)
                if answer is None:
                    self._child = None
                    child.disconnect()
                    self._stuck.add(about, pid, child)
                    self._child = _Child(self._idle_seconds)  # ready for the next question
                return answer
            except OSError:  # it has ended, or could not be started
                self.close()
        return None

    def _wait(self, child: "_Child", is_stuck: Callable[[int], bool]) -> bytes | None:
        """Its next message; None if it is stuck. OSError if it has ended."""
        looks = self._looks
        for _ in range(_MOST_WAITS):
            if child.has_message(self._patience_seconds):
                return child.receive()
            looks -= is_stuck(child.pid)
            if looks <= 0:
                break
        return None


class _Child:
    """`ready` once it has started."""

    def __init__(self, idle_seconds: float | None) -> None:
        self.ready = False
        code = f"{_CODE}({idle_seconds!r})"
        kind = socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, kind)
        quiet = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
        with theirs, contextlib.ExitStack() as unless_started:
            unless_started.callback(self._socket.close)
            self.pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-S", "-c", code],
                {},
                file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0), *quiet],
                setsid=True,
            )
            unless_started.pop_all()
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def send(self, request: bytes) -> None:
        self._socket.send(request, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)

    def wait_until_ready(self) -> None:
        if not self.ready:
            self._socket.settimeout(_START_SECONDS)
            self.ready = bool(self._socket.recv(MESSAGE_BYTES))
            self._socket.settimeout(None)

    def has_message(self, seconds: float) -> bool:
        return bool(self._poll.poll(seconds * 1000))

    def receive(self) -> bytes:
        message = self._socket.recv(MESSAGE_BYTES, socket.MSG_DONTWAIT)
        if not message:
            raise ConnectionError("the reader of executables has ended")
        return message

    def has_ended(self) -> bool:
        with contextlib.suppress(ChildProcessError):
            return os.waitpid(self.pid, os.WNOHANG)[0] != 0
        return True

    def disconnect(self) -> None:
        """It ends once it asks for the next request."""
        self._socket.close()
