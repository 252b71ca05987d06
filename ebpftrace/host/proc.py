"""One process, read from /proc. Source: proc(5) and its pages for each file.

A process may end between any two reads: every reader then returns None. A process that may
not be read raises NotPermittedError. Where the kernel makes a reader wait for the process's
mmap lock, the main thread gets None after some milliseconds: see `host/bounded.py`.
"""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ebpftrace.errors import NotPermittedError
from ebpftrace.host.bounded import bounded
from ebpftrace.host.cached_id import cached_file_id
from ebpftrace.host.environ import Environ
from ebpftrace.text import clean, lines
from ebpftrace.units import KIB, MIB, NS_PER_SECOND, PAGE_SIZE

PROC = Path("/proc")
ENVIRON_LIMIT = 2 * MIB  # arguments and environment with a stack limit of 8 MiB: execve(2)
CMDLINE_LIMIT = 16 * KIB
_PF_EXITING = 0x4  # of linux/sched.h
_NS_PER_TICK = NS_PER_SECOND // os.sysconf("SC_CLK_TCK")
_NO_SESSION = 0xFFFFFFFF  # AUDIT_SID_UNSET of linux/audit.h
_DELETED = " (deleted)"


@dataclass(frozen=True, slots=True)
class Stat:
    """/proc/PID/stat. The kernel shows the start in clock ticks (10 ms), rounded down."""

    pid: int
    comm: str
    state: str  # one letter: R, S, D, T, Z, …
    parent_pid: int
    start_ticks: int

    @property
    def start_boottime_ns(self) -> int:
        return self.start_ticks * _NS_PER_TICK

    def started_at(self, start_boottime_ns: int) -> bool:
        """Whether this is the process that started at this exact time, to a tick."""
        return start_boottime_ns // _NS_PER_TICK == self.start_ticks


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """The memory lines of /proc/PID/status. Bytes; 0 if the kernel has no such line."""

    peak_resident_bytes: int  # VmHWM
    anon_bytes: int  # RssAnon
    file_bytes: int  # RssFile
    shmem_bytes: int  # RssShmem
    swap_bytes: int  # VmSwap
    virtual_bytes: int  # VmSize


@dataclass(frozen=True, slots=True)
class OwnCost:
    """What this process itself uses."""

    cpu_ns: int
    rss_bytes: int


def read_stat(pid: int, proc: Path = PROC) -> Stat | None:
    raw = _read(proc, pid, "stat")
    if raw is None:
        return None
    head, _, tail = raw.rpartition(b") ")  # comm may contain spaces and brackets
    fields = tail.split()
    comm = head.partition(b" (")[2]
    return Stat(pid, clean(comm), fields[0].decode(), int(fields[1]), int(fields[19]))


def is_dying(pid: int, proc: Path = PROC) -> bool:
    """Whether a SIGKILL is pending, or the process is exiting (PF_EXITING)."""
    pending = (
        int(line.split()[1], 16)
        for line in lines(_read(proc, pid, "status") or b"")
        if line.startswith((b"SigPnd:", b"ShdPnd:"))
    )
    if any(signals >> signal.SIGKILL - 1 & 1 for signals in pending):
        return True
    _, _, tail = (_read(proc, pid, "stat") or b"").rpartition(b") ")
    return bool(tail) and bool(int(tail.split()[6]) & _PF_EXITING)


def read_comm(pid: int, proc: Path = PROC) -> str | None:
    raw = _read(proc, pid, "comm")
    return None if raw is None else clean(raw.removesuffix(b"\n"))


def read_cmdline(pid: int, proc: Path = PROC) -> tuple[str, ...] | None:
    """The arguments, cleaned; the first 16 KiB. Empty for kernel threads and zombies."""
    raw = bounded(pid, lambda: _read(proc, pid, "cmdline", CMDLINE_LIMIT))
    if raw is None:
        return None
    return tuple(clean(arg) for arg in raw.removesuffix(b"\0").split(b"\0")) if raw else ()


def read_environ(pid: int, proc: Path = PROC) -> Environ | None:
    """The first 2 MiB of the environment; a variable cut there is dropped.

    One variable may have 128 KiB. The kernel copies what there is, and most environments
    have less than 8 KiB.
    """
    raw = bounded(pid, lambda: _read(proc, pid, "environ", ENVIRON_LIMIT))
    if raw is None:
        return None
    return Environ(raw if len(raw) < ENVIRON_LIMIT else raw.rpartition(b"\0")[0])


def read_session(pid: int, proc: Path = PROC) -> int | None:
    """The number of the session in which a user logged in, which its children inherit.

    None if no user did, or the kernel does not count them (CONFIG_AUDIT).
    """
    try:
        raw = _read(proc, pid, "sessionid")
    except NotPermittedError:
        return None
    session = int(raw) if raw and raw.strip().isdigit() else _NO_SESSION
    return None if session == _NO_SESSION else session


def read_program(pid: int, proc: Path = PROC) -> str | None:
    """The path of the executable, cleaned; None also for a kernel thread, which has none.

    The file itself is not looked at, since its file system may hang: a program whose name
    ends with " (deleted)" is taken for a deleted one without that.
    """
    try:
        link = str((proc / f"{pid}/exe").readlink())
    except (FileNotFoundError, ProcessLookupError):
        return None
    except PermissionError as error:
        raise _not_permitted(f"{proc}/{pid}/exe") from error
    return clean(os.fsencode(link.removesuffix(_DELETED)))


def program_file(pid: int, proc: Path = PROC) -> Path:
    """What opens the executable of a living process, even one that was deleted."""
    return proc / f"{pid}/exe"


def program_id(pid: int, proc: Path = PROC) -> tuple[int, int]:
    """Device and inode of the executable; (0, 0) where it cannot be read."""
    return cached_file_id(program_file(pid, proc)) or (0, 0)


def read_descriptor(pid: int, fd: int, proc: Path = PROC) -> str | None:
    """What an open descriptor leads to, cleaned: a path, or the like of `pipe:[12]`."""
    try:
        return clean(os.fsencode((proc / f"{pid}/fd/{fd}").readlink()))
    except OSError:
        return None


def threads(pid: int, proc: Path = PROC) -> Iterator[int]:
    """The ids of its threads, read as far as they are asked for; none if it is gone."""
    try:
        with os.scandir(proc / f"{pid}/task") as entries:
            yield from (int(entry.name) for entry in entries)
    except OSError:
        return


def living_thread(pid: int, proc: Path = PROC) -> int:
    """A thread that still has the process's memory and cgroup; `pid` if there is none.

    The first thread may have ended before the others.
    """
    stat = read_stat(pid, proc)
    if stat is None or stat.state not in "ZX":
        return pid
    for thread in threads(pid, proc):
        stat = read_stat(thread, proc)
        if stat is not None and stat.state not in "ZX":
            return thread
    return pid


def read_status(pid: int, proc: Path = PROC) -> ProcessStatus | None:
    """Memory counters; None also for a kernel thread or zombie, which has no memory."""
    raw = _read(proc, pid, "status")
    if raw is None:
        return None
    lines = dict(_kib_lines(raw))
    if b"VmSize" not in lines:
        return None
    names = (b"VmHWM", b"RssAnon", b"RssFile", b"RssShmem", b"VmSwap", b"VmSize")
    return ProcessStatus(*(lines.get(name, 0) for name in names))


def read_private_bytes(pid: int, proc: Path = PROC) -> int | None:
    """Written pages that no other process shares: Private_Dirty of smaps_rollup."""
    raw = bounded(pid, lambda: _read(proc, pid, "smaps_rollup"))
    return None if raw is None else dict(_kib_lines(raw)).get(b"Private_Dirty")


def self_cost(proc: Path = PROC) -> OwnCost:
    """CPU time since this process started, user and system, and its resident memory."""
    resident_pages = int((proc / "self/statm").read_bytes().split()[1])
    return OwnCost(time.process_time_ns(), resident_pages * PAGE_SIZE)


def _kib_lines(raw: bytes) -> Iterator[tuple[bytes, int]]:
    for line in lines(raw):
        name, _, value = line.partition(b":")
        number = value.removesuffix(b" kB").strip()
        if number.isdigit() and value.endswith(b" kB"):  # a process may be called "x kB"
            yield name, int(number) * KIB


def _read(proc: Path, pid: int, name: str, limit: int = 64 * KIB) -> bytes | None:
    path = f"{proc}/{pid}/{name}"
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            raw, step = b"", min(limit, 64 * KIB)
            while len(raw) < limit and (chunk := os.read(fd, min(step, limit - len(raw)))):
                raw += chunk
                step = min(8 * step, limit)  # what is very large takes few more calls
            return raw
        finally:
            os.close(fd)
    except (FileNotFoundError, ProcessLookupError):
        return None
    except PermissionError as error:
        raise _not_permitted(path) from error


def _not_permitted(path: str) -> NotPermittedError:
    return NotPermittedError(
        f"cannot read {path}",
        why="it belongs to another user, or the process is protected",
        fix="run as root, or with CAP_SYS_PTRACE",
    )
