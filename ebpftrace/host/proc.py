"""One process, read from /proc. Source: proc(5) and its pages for each file.

A process may end between any two reads: every reader then returns None. A process that may
not be read raises NotPermittedError. Where the kernel makes a reader wait for the process's
mmap lock, the main thread gets None after some milliseconds: see `host/bounded.py`.
"""

import contextlib
import os
import re
import signal
import time
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from ebpftrace.descriptors import is_exhausted, with_spares
from ebpftrace.errors import NotPermittedError
from ebpftrace.host.bounded import bounded
from ebpftrace.host.cached_id import cached_file_id
from ebpftrace.host.environ import Environ
from ebpftrace.host.reading.arguments import READ_BYTES, arguments
from ebpftrace.host.reading.proc_file import (
    Read,
    matching_lines,
    not_permitted,
    proc_chunks,
    read_proc_file,
    read_start,
)
from ebpftrace.text import clean
from ebpftrace.units import KIB, MIB, NS_PER_SECOND, PAGE_SIZE

PROC = Path("/proc")
ENVIRON_LIMIT = 2 * MIB  # arguments and environment with a stack limit of 8 MiB: execve(2)
_DIGITS = 20  # of the largest number that the kernel writes
_SIZE = re.compile(rb"^(\w{1,32}):[ \t]*([0-9]{1,15}) kB$", re.MULTILINE)
_PENDING = re.compile(rb"^(?:Sig|Shd)Pnd:\t([0-9a-f]{1,16})$", re.MULTILINE)
_ROLLUP_LIMIT = 16 * KIB  # it has some 25 lines
_STATUS_LIMIT = MIB  # with 65,536 groups, which come first, it has 700 KiB
_PF_EXITING = 0x4  # of linux/sched.h
_NS_PER_TICK = NS_PER_SECOND // os.sysconf("SC_CLK_TCK")
_NO_SESSION = 0xFFFFFFFF  # AUDIT_SID_UNSET of linux/audit.h
_DELETED = " (deleted)"


class Stat(NamedTuple):
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


class ProcessStatus(NamedTuple):
    """The memory lines of /proc/PID/status. Bytes; 0 if the kernel has no such line."""

    peak_resident_bytes: int  # VmHWM
    anon_bytes: int  # RssAnon
    file_bytes: int  # RssFile
    shmem_bytes: int  # RssShmem
    swap_bytes: int  # VmSwap
    virtual_bytes: int  # VmSize


class OwnCost(NamedTuple):
    """What this process itself uses."""

    cpu_ns: int
    rss_bytes: int


def read_stat(pid: int, proc: Path = PROC) -> Stat | None:
    raw = read_proc_file(proc, pid, "stat")
    if raw is None:
        return None
    head, _, tail = raw.rpartition(b") ")  # comm may contain spaces and brackets
    try:
        state, parent, start = itemgetter(0, 1, 19)(tail.split())
        comm = head.partition(b" (")[2]
        return Stat(pid, clean(comm), state.decode("ascii"), int(parent), int(start))
    except (IndexError, ValueError):
        return None  # it ended meanwhile


def is_dying(pid: int, proc: Path = PROC) -> bool:
    """Whether a SIGKILL is pending, or the process is exiting (PF_EXITING)."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        chunks = proc_chunks(proc, pid, "status", _STATUS_LIMIT)
        for line in matching_lines(_PENDING, chunks):
            if int(line[1], 16) >> signal.SIGKILL - 1 & 1:
                return True
    fields = (read_proc_file(proc, pid, "stat") or b"").rpartition(b") ")[2].split(b" ")
    flags = fields[6] if len(fields) > 6 else b""
    return flags.isdigit() and len(flags) <= _DIGITS and bool(int(flags) & _PF_EXITING)


def comm_file(pid: int, proc: Path = PROC) -> str:
    """The file that `read_comm` reads."""
    return f"{proc}/{pid}/comm"


def read_comm(pid: int, proc: Path = PROC, read: Read = read_start) -> str | None:
    raw = read_proc_file(proc, pid, "comm", read=read)
    return None if raw is None else clean(raw.removesuffix(b"\n"))


def read_cmdline(pid: int, proc: Path = PROC) -> tuple[str, ...] | None:
    """The first arguments, cleaned: 512 of 16 KiB at most, and as many as fit into 8 KiB then.

    Empty for kernel threads and zombies.
    """
    raw = bounded(pid, lambda: read_proc_file(proc, pid, "cmdline", READ_BYTES))
    return None if raw is None else arguments(raw)


def read_environ(pid: int, proc: Path = PROC) -> Environ | None:
    """The environment, as far as it is among the first 2 MiB; what is cut there is dropped.

    One variable may have 128 KiB. Most environments have less than 8 KiB.
    """
    try:
        return bounded(pid, lambda: Environ(_environ_chunks(proc, pid)))
    except (FileNotFoundError, ProcessLookupError):
        return None


def _environ_chunks(proc: Path, pid: int) -> Iterator[bytes]:
    left = ENVIRON_LIMIT
    for chunk in proc_chunks(proc, pid, "environ", ENVIRON_LIMIT):
        left -= len(chunk)
        yield chunk if left else chunk[: chunk.rfind(b"\0") + 1]


def read_session(pid: int, proc: Path = PROC) -> int | None:
    """The number of the session in which a user logged in, which its children inherit.

    None if no user did, or the kernel does not count them (CONFIG_AUDIT).
    """
    try:
        raw = read_proc_file(proc, pid, "sessionid")
    except NotPermittedError:
        return None
    digits = (raw or b"").strip()
    session = int(digits) if digits.isdigit() and len(digits) <= _DIGITS else _NO_SESSION
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
        raise not_permitted(f"{proc}/{pid}/exe") from error
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
        with with_spares(lambda: os.scandir(proc / f"{pid}/task")) as entries:
            yield from (int(entry.name) for entry in entries)
    except OSError as error:
        is_exhausted(error)


def living_thread(pid: int, proc: Path = PROC, *, known: Stat | None = None) -> int:
    """A thread that still has the process's memory and cgroup; `pid` if there is none.

    The first thread may have ended. `known` is its stat file, if that was read just now.
    """
    stat = known or read_stat(pid, proc)
    if stat is None or stat.state not in "ZX":
        return pid
    for thread in threads(pid, proc):
        stat = read_stat(thread, proc)
        if stat is not None and stat.state not in "ZX":
            return thread
    return pid


def read_status(pid: int, proc: Path = PROC) -> ProcessStatus | None:
    """Memory counters; None also for a kernel thread or zombie, which has no memory."""
    try:
        sizes = _sizes(pid, proc, "status", _STATUS_LIMIT)
        if b"VmSize" not in sizes:  # the first thread may have ended before the others
            sizes = _sizes(living_thread(pid, proc), proc, "status", _STATUS_LIMIT)
    except (FileNotFoundError, ProcessLookupError):
        return None
    if b"VmSize" not in sizes:
        return None
    names = (b"VmHWM", b"RssAnon", b"RssFile", b"RssShmem", b"VmSwap", b"VmSize")
    return ProcessStatus(*(sizes.get(name, 0) for name in names))


def read_private_bytes(pid: int, proc: Path = PROC) -> int | None:
    """Written pages that no other process shares: Private_Dirty of smaps_rollup."""
    thread = living_thread(pid, proc)
    try:
        sizes = bounded(pid, lambda: _sizes(thread, proc, "smaps_rollup", _ROLLUP_LIMIT))
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if sizes is None else sizes.get(b"Private_Dirty")


def self_cost(proc: Path = PROC) -> OwnCost:
    """CPU time since this process started, user and system, and its resident memory."""
    resident_pages = int(read_start(f"{proc}/self/statm", KIB).split()[1])
    return OwnCost(time.process_time_ns(), resident_pages * PAGE_SIZE)


def _sizes(pid: int, proc: Path, name: str, limit: int) -> dict[bytes, int]:
    """The sizes in a file that has one a line, in bytes."""
    chunks = proc_chunks(proc, pid, name, limit)
    return {line[1]: int(line[2]) * KIB for line in matching_lines(_SIZE, chunks)}
