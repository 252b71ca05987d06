"""Starts a program without a wait for a processor, also where all are busy.

A child of a real-time thread is an ordinary process (SCHED_RESET_ON_FORK), which waits behind
the jobs until it can execute the program, and this thread waits for that: tens of milliseconds
on a busy machine. So where this thread is a real-time one (see `TurnPriority`), the child is as
well, until the program has begun. Then the program is an ordinary process, as is everything
that it starts. Sources: sched(7), posix_spawn(3).
"""

import contextlib
import ctypes
import errno
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ebpftrace.descriptors import restore_limit

_LEAD_SECONDS = 0.0003
"""From its executing the program to the program's first instruction, with some to spare."""

_RESTORED = signal.valid_signals()
"""Python ignores two of them. For each that is not named, the C library asks the kernel first
what is done about it, which takes as long again."""

_CLOSE_RANGE = 436  # close_range(2), on every architecture but alpha
_CLOEXEC = 4  # CLOSE_RANGE_CLOEXEC, include/uapi/linux/close_range.h
_MAX_FD = (1 << 32) - 1

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(slots=True)
class Child:
    """A program that was started. It is a zombie from its end until `wait`."""

    pid: int
    returncode: int | None = None  # as `subprocess.Popen` has it; None: not waited for

    def wait(self) -> int:
        """Wait for its end and reap it. Called from one thread only."""
        if self.returncode is None:
            try:
                _, status = os.waitpid(self.pid, 0)
            except ChildProcessError:  # we were started with SIGCHLD ignored
                status = 0
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def spawn(argv: Sequence[str], environ: Mapping[str, str], *, stdin: int, output: int) -> Child:
    """Start it as the leader of a new session, with these descriptors and no others.

    A program without a folder in its name is looked for in the PATH of `environ`. OSError if
    it cannot be started, ValueError if a string has a NUL.
    """
    _close_on_exec()
    with _ahead() as attributes:
        pid = _found(argv, environ, stdin, output, attributes)
        restore_limit(pid)
        if "scheduler" in attributes:
            policy, parameters = attributes["scheduler"]
            with _as_ordinary(pid), contextlib.suppress(OSError):
                os.sched_setscheduler(pid, policy | os.SCHED_RESET_ON_FORK, parameters)
                time.sleep(_LEAD_SECONDS)
    return Child(pid)


@contextlib.contextmanager
def _ahead() -> Iterator[dict[str, Any]]:
    """Attributes of the child; meanwhile this thread comes before it, to make it ordinary."""
    policy = os.sched_getscheduler(0)
    before = os.sched_getparam(0)
    if policy & ~os.SCHED_RESET_ON_FORK != os.SCHED_FIFO:
        yield {}
        return
    try:
        above = os.sched_param(before.sched_priority + 1)
        os.sched_setscheduler(0, os.SCHED_FIFO, above)
    except OSError:
        yield {}
        return
    try:
        yield {"scheduler": (os.SCHED_FIFO, before)}
    finally:
        os.sched_setscheduler(0, policy, before)


@contextlib.contextmanager
def _as_ordinary(pid: int) -> Iterator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # it has ended
            os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))


def _found(
    argv: Sequence[str],
    environ: Mapping[str, str],
    stdin: int,
    output: int,
    attributes: Mapping[str, Any],
) -> int:
    """The pid of the first of this name that can be executed."""
    name = argv[0]
    folders = [""] if "/" in name else os.get_exec_path(dict(environ))
    failure: OSError = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    for folder in folders:
        try:
            return os.posix_spawn(
                os.path.join(folder, name),  # noqa: PTH118 - a Path drops a leading "./"
                list(argv),
                environ,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, stdin, 0),
                    (os.POSIX_SPAWN_DUP2, output, 1),
                    (os.POSIX_SPAWN_DUP2, output, 2),
                ],
                setsid=True,
                setsigdef=_RESTORED,
                **attributes,
            )
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            failure = error  # as a shell: another of this name may be executable
    raise failure


def _close_on_exec() -> None:
    """Also what we were given by the process that started us."""
    if _libc.syscall(_CLOSE_RANGE, 3, ctypes.c_uint(_MAX_FD), _CLOEXEC) == 0:
        return
    # Linux 5.10 has no CLOSE_RANGE_CLOEXEC (582f1fb6b721 "fs, close_range: add flag …", 5.11).
    for file in Path("/proc/self/fd").iterdir():
        if (fd := int(file.name)) > 2:
            with contextlib.suppress(OSError):  # that of the folder itself
                os.set_inheritable(fd, False)
