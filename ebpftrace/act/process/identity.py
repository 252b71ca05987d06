"""Who is never signalled, and how a process is held fast so that no other is hit.

A pid means nothing by itself: it is reused. `open_process` opens a pidfd first and looks
at the process after that: what it then reads is of the process the pidfd holds, or of a
later one, whose start time tells it apart.
"""

import os
import select
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ebpftrace.errors import EbpftraceError, GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.golang.telemetry import is_crash_monitor
from ebpftrace.host import proc
from ebpftrace.host.cgroups import memory_cgroup
from ebpftrace.text import clean

_INIT, _KTHREADD = 1, 2
_PATH_LIMIT = 4096


class RefusedError(EbpftraceError):
    """This process is not to be touched; `what` says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A process as it was when the incident began.

    `cgroup` is the path of its memory cgroup; `program` the device and inode of its
    executable, (0, 0) where that cannot be read.
    """

    key: ProcessKey
    cgroup: str
    program: tuple[int, int]


def identify(key: ProcessKey) -> Target:
    """The process as it is now. GoneError, or RefusedError for one never to be touched."""
    fd = _open(key)
    try:
        return Target(key, _cgroup(key), _program(key.pid))
    finally:
        os.close(fd)


def open_process(target: Target, *, same_place: bool = True) -> int:
    """A pidfd of this very process, to be closed by the caller.

    GoneError if it has ended; RefusedError if it must not be touched, or is no longer
    what it was: in another cgroup (unless `same_place` is False) or another program.
    """
    fd = _open(target.key)
    try:
        pid = target.key.pid
        if same_place and (cgroup := _cgroup(target.key)) != target.cgroup:
            raise RefusedError(f"{pid} moved to the cgroup {cgroup}")
        if _program(pid) != target.program:
            raise RefusedError(f"{pid} runs another program now")
    except BaseException:
        os.close(fd)
        raise
    return fd


def _open(key: ProcessKey) -> int:
    pid = key.pid
    if pid <= _INIT:
        raise RefusedError(f"{pid} is the init process")
    if in_own_line(pid):
        raise RefusedError(f"{pid} is ebpftrace itself, or started it")
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError as error:
        raise GoneError(f"{pid} has ended") from error
    except OSError as error:  # EINVAL: the id of a thread
        raise RefusedError(f"{pid} is no process: {error.strerror}") from error
    try:
        stat = proc.read_stat(pid)
        # By the pidfd, not by the state: that is Z once the first thread alone has ended.
        if stat is None or _over(fd):
            raise GoneError(f"{pid} has ended")
        if not stat.started_at(key.start_boottime_ns):
            raise GoneError(f"{pid} has ended; its pid is another process's now")
        if _KTHREADD in (pid, stat.parent_pid):
            raise RefusedError(f"{pid} is a thread of the kernel")
        if is_crash_monitor(proc.read_cmdline(_living(pid)) or ()):
            raise RefusedError(f"{pid} is the crash monitor of a Go tool")
    except BaseException:
        os.close(fd)
        raise
    return fd


def has_ended(key: ProcessKey) -> bool:
    """Whether it is no more; the kernel's record of that may not have been read yet."""
    try:
        fd = os.pidfd_open(key.pid)
    except OSError:
        return True
    try:
        stat = proc.read_stat(key.pid)
        return _over(fd) or stat is None or not stat.started_at(key.start_boottime_ns)
    finally:
        os.close(fd)


def _over(pidfd: int) -> bool:
    """Whether the last of its threads has ended."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def _living(pid: int) -> int:
    """A thread that still has the process's memory and cgroup: the first may have ended."""
    stat = proc.read_stat(pid)
    if stat is None or stat.state not in "ZX":
        return pid
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            stat = proc.read_stat(int(thread.name))
            if stat is not None and stat.state not in "ZX":
                return int(thread.name)
    return pid


def in_own_line(pid: int) -> bool:
    """Whether that is us or one of our ancestors. Most often no file is read for it."""
    return pid in _first_line(os.getpid()) and pid in own_line()


def own_line() -> set[int]:
    """Our own pid and those of all our ancestors."""
    line: set[int] = set()
    pid = os.getpid()
    while pid > 0 and pid not in line:
        line.add(pid)
        stat = proc.read_stat(pid)
        pid = 0 if stat is None else stat.parent_pid
    return line


@cache
def _first_line(_pid: int) -> frozenset[int]:
    """Our line when it was asked for first: nobody joins it later, so few need a new look.

    An orphan's new parent is one of its ancestors, or the init process (find_new_reaper in
    the kernel's exit.c). Who left the line may have given its pid to somebody else.
    """
    return frozenset(own_line())


def _cgroup(key: ProcessKey) -> str:
    path = memory_cgroup(_living(key.pid))
    if path is None:
        raise GoneError(f"{key.pid} has ended")
    return clean(os.fsencode(path), _PATH_LIMIT)


def _program(pid: int) -> tuple[int, int]:
    try:
        status = Path(f"/proc/{_living(pid)}/exe").stat()
    except OSError:
        return 0, 0
    return status.st_dev, status.st_ino
