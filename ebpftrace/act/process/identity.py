"""Which processes are never signalled, and how a signal is kept from hitting another one.

A pid means nothing by itself: it is reused. `open_process` opens a pidfd first and looks
at the process after that: what it then reads is of the process the pidfd holds, or of a
later one, whose start time tells it apart.
"""

import os
from dataclasses import dataclass
from functools import cache

from ebpftrace.descriptors import is_exhausted
from ebpftrace.errors import EbpftraceError, GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc
from ebpftrace.host.cgroups import memory_cgroup
from ebpftrace.host.pidfd import open_with_stat
from ebpftrace.text import PATH_LIMIT, clean

_INIT, _KTHREADD = 1, 2


class RefusedError(EbpftraceError):
    """This process must not be touched; `what` says why."""


class NoDescriptorError(RefusedError):
    """No descriptor is left for this process now; it has not ended."""


@dataclass(frozen=True, slots=True)
class Target:
    """A process as it was when the incident began.

    `cgroup` is the path of its memory cgroup; `program` the device and inode of its
    executable, (0, 0) where that cannot be read. `given_path` is the cgroup that was given to
    its job, "" if that is not known: its owner may move processes among those below.
    """

    key: ProcessKey
    cgroup: str
    program: tuple[int, int]
    given_path: str = ""

    def may_be_in(self, cgroup: str) -> bool:
        """Whether a process in this cgroup is still where it was, or was moved by its job."""
        return cgroup == self.cgroup or is_within(cgroup, self.given_path)


def is_within(cgroup: str, given_path: str) -> bool:
    """Whether a cgroup is this one or below it; False for the root, which is no job's."""
    return given_path not in ("", "/") and f"{cgroup}/".startswith(f"{given_path}/")


def identify(key: ProcessKey, given_path: str = "") -> Target:
    """The process as it is now. GoneError; RefusedError if it must never be touched."""
    fd, target = hold(key, given_path)
    os.close(fd)
    return target


def hold(key: ProcessKey, given_path: str = "") -> tuple[int, Target]:
    """The same with a pidfd of it, to be closed by the caller."""
    fd, stat = _open(key)
    try:
        thread = proc.living_thread(key.pid, known=stat)
        program = proc.program_id(thread)
        return fd, Target(key, _cgroup(key.pid, thread), program, given_path)
    except BaseException:
        os.close(fd)
        raise


def open_process(target: Target, *, same_cgroup: bool = True, same_program: bool = True) -> int:
    """A pidfd of this very process, to be closed by the caller.

    GoneError if it has ended; RefusedError if it must not be touched, or is no longer what it
    was: in a cgroup of others, unless `same_cgroup` is False, or another program, unless
    `same_program` is. Its pid and its start time stay the same through both.
    """
    fd, stat = _open(target.key)
    try:
        pid = target.key.pid
        thread = proc.living_thread(pid, known=stat)
        refused = ""
        if same_cgroup and not target.may_be_in(cgroup := _cgroup(pid, thread)):
            refused = f"{pid} moved to the cgroup {cgroup}"
        elif same_program and proc.program_id(thread) != target.program:
            refused = f"{pid} runs another program now"
        if refused and proc.is_dying(pid):  # it has no program, and on v1 another cgroup
            raise GoneError(f"{pid} has ended")
        if refused:
            raise RefusedError(refused)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _open(key: ProcessKey) -> tuple[int, proc.Stat]:
    """Its pidfd, and its stat file as it was after that: a hook waits for each reading."""
    pid = key.pid
    if pid <= _INIT:
        raise RefusedError(f"{pid} is the init process")
    if in_own_ancestry(pid):
        raise RefusedError(f"{pid} is ebpftrace itself, or started it")
    try:
        fd, stat = open_with_stat(key)
    except OSError as error:
        if is_exhausted(error):
            raise NoDescriptorError(f"{pid} cannot be opened: {error.strerror}") from error
        raise RefusedError(f"{pid} cannot be opened: {error.strerror}") from error
    if _KTHREADD in (pid, stat.parent_pid):
        os.close(fd)
        raise RefusedError(f"{pid} is a kernel thread")
    return fd, stat


def in_own_ancestry(pid: int) -> bool:
    """Whether that is ebpftrace or an ancestor of it. Usually reads no file."""
    return pid in _first_ancestry(os.getpid()) and pid in own_ancestry()


def own_ancestry() -> set[int]:
    """The pids of ebpftrace and of all its ancestors."""
    pids: set[int] = set()
    pid = os.getpid()
    while pid > 0 and pid not in pids:
        pids.add(pid)
        stat = proc.read_stat(pid)
        pid = 0 if stat is None else stat.parent_pid
    return pids


@cache
def _first_ancestry(_pid: int) -> frozenset[int]:
    """The ancestry at the first call. No process joins it later, so most need no new look.

    An orphan's new parent is one of its ancestors, or the init process (find_new_reaper in
    the kernel's exit.c). The pid of an ancestor that has ended may be another process's.
    """
    return frozenset(own_ancestry())


def _cgroup(pid: int, thread: int) -> str:
    path = memory_cgroup(thread)
    if path is None:
        raise GoneError(f"{pid} has ended")
    return clean(os.fsencode(path), PATH_LIMIT)
