"""Starts the command, passes signals on, and ends as the command ended.

The command is in our process group, so that the terminal treats it as if it were alone: it
gets Ctrl-C and Ctrl-Z itself. What others send to us is passed on.
Sources: signal(7), credentials(7), tty_ioctl(4).
"""

import contextlib
import os
import resource
import signal
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from ebpftrace.run.user import RunUser
from ebpftrace.units import KIB

TIMED_OUT = 124
"""The exit code of timeout(1)."""

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
_GRACE_SECONDS = 10.0
_BY_TERMINAL = {signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTIN,
                signal.SIGTTOU, signal.SIGWINCH}  # fmt: skip
_STOPS = {signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
_NOT_BLOCKED = {signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE,
                signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGSYS}  # fmt: skip
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


class CommandEnd(NamedTuple):
    """How the command ended: `signal` is 0 if by an exit code.

    `largest_bytes` is the most that one of its processes had resident; 0 if that is no more
    than this process had, from which it was forked.
    """

    code: int
    signal: int
    took_ns: int
    timed_out: bool = False
    largest_bytes: int = 0


class Command:
    """A started command. Its signals wait for `wait`, which has to be called."""

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        enter: Path | None,
        blocked: Collection[int],
        user: RunUser | None = None,
    ) -> None:
        """Start it, in the cgroup whose file `enter` takes a process; `blocked` are the signals
        that it starts with blocked; `user` is the user that it runs as.

        OSError if that cannot be entered; a command that cannot be executed ends as in a
        shell, with 127 or 126.
        """
        self._blocked = set(signal.valid_signals()) - _NOT_BLOCKED
        self._of_command = blocked
        signal.pthread_sigmask(signal.SIG_BLOCK, self._blocked)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # which we may have been started without
        self._began_ns = time.monotonic_ns()
        self._own_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self._largest_kib = 0
        procs = -1 if enter is None else os.open(enter, os.O_WRONLY | os.O_CLOEXEC)
        said, tell = os.pipe2(os.O_CLOEXEC)
        try:
            self.pid = os.fork()
            if self.pid == 0:
                self._become(argv, environment, procs, tell, user)
            os.close(tell)
            tell = -1
            refused = os.read(said, 16)
        finally:
            for fd in (procs, said, tell):
                if fd >= 0:
                    os.close(fd)
        if refused:
            os.waitpid(self.pid, 0)
            raise OSError(int(refused), os.strerror(int(refused)), str(enter))

    def wait(
        self,
        timeout_ns: int | None,
        kill: Callable[[], None],
        look: Callable[[], float] | None = None,
    ) -> CommandEnd:
        """Until the command ends. After `timeout_ns` it gets SIGTERM, then `kill` is called.

        `look` is called from time to time: it returns the seconds until the next call.
        """
        due = None if timeout_ns is None else self._began_ns + timeout_ns
        look_due = self._began_ns
        timed_out = killed = False
        while True:
            ended = self._reaped()
            if ended is not None:
                took_ns = time.monotonic_ns() - self._began_ns
                is_known = self._largest_kib > self._own_kib
                largest_bytes = self._largest_kib * KIB if is_known else 0
                return CommandEnd(*ended, took_ns, timed_out, largest_bytes)
            left = None if due is None else (due - time.monotonic_ns()) / 1e9
            if left is not None and left <= 0:
                if not timed_out:
                    timed_out, due = True, time.monotonic_ns() + int(_GRACE_SECONDS * 1e9)
                    self._send(signal.SIGTERM)
                    self._send(signal.SIGCONT)
                elif not killed:
                    killed, due = True, None
                    kill()
                    self._send(signal.SIGKILL)
                continue
            if look is not None:
                until_look = (look_due - time.monotonic_ns()) / 1e9
                if until_look <= 0:
                    until_look = look()
                    look_due = time.monotonic_ns() + int(until_look * 1e9)
                left = until_look if left is None else min(left, until_look)
            self._pass_on(left)

    def _pass_on(self, seconds: float | None) -> None:
        """Wait for a signal, `seconds` at most, and pass it on."""
        if seconds is None:
            got: signal.struct_siginfo | None = signal.sigwaitinfo(self._blocked)
        else:
            got = signal.sigtimedwait(self._blocked, seconds)
        if got is None or got.si_signo == signal.SIGCHLD:
            return
        by_user = got.si_code <= 0  # SI_USER and the like; the kernel's own are above
        if by_user or got.si_signo not in _BY_TERMINAL:
            self._send(got.si_signo)

    def _reaped(self) -> tuple[int, int] | None:
        """(exit code, signal) if it has ended. If it was stopped by the terminal, so are we."""
        while True:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG | os.WUNTRACED)
            if pid == 0:
                return None
            self._largest_kib = usage.ru_maxrss  # of all that was waited for
            if os.WIFSTOPPED(status):
                if os.WSTOPSIG(status) in _STOPS:
                    self._stop(os.WSTOPSIG(status))
                continue
            code = os.waitstatus_to_exitcode(status)
            return (code, 0) if code >= 0 else (128 - code, -code)

    def _stop(self, number: int) -> None:
        """Stop as the command did, so that a shell takes its terminal back."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        os.kill(os.getpid(), number)
        signal.pthread_sigmask(signal.SIG_BLOCK, {number})
        self._send(signal.SIGCONT)  # we were continued, perhaps alone

    def _send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(self.pid, number)

    def _become(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        procs: int,
        tell: int,
        user: RunUser | None,
    ) -> NoReturn:
        """In the child: enter the cgroup, become the user, and execute the command."""
        try:
            if procs >= 0:
                try:
                    os.write(procs, b"0")
                except OSError as error:
                    os.write(tell, str(error.errno).encode())
                    os._exit(_NOT_EXECUTABLE)
            if user is not None:
                user.become()
            for number in _IGNORED_BY_PYTHON:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, self._of_command)
            os.execvpe(argv[0], list(argv), dict(environment))
        except OSError as error:
            code = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
            os.write(2, f"ebpftrace: {argv[0]}: {error.strerror}\n".encode(errors="replace"))
            os._exit(code)
        finally:
            os._exit(_NOT_EXECUTABLE)


def end_as(end: CommandEnd) -> NoReturn:
    """End this process as the command ended, so that a shell sees no difference."""
    if end.timed_out:
        os._exit(TIMED_OUT)
    if end.signal:
        _, most = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, most))  # the core is the command's
        if end.signal not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(end.signal, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
        os.kill(os.getpid(), end.signal)
    os._exit(end.code)
