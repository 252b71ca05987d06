"""The debuggers of processes that were killed and have not ended.

A debugger may ask that a process stops before its memory is freed (PTRACE_EVENT_EXIT), and
leave it there, whatever signals are sent to it. It ends once the debugger has ended.
Source: ptrace(2).
"""

import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from ebpftrace.act.process.identity import is_within
from ebpftrace.act.process.sharers import kill_each
from ebpftrace.errors import EbpftraceError
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc
from ebpftrace.host.cgroups import memory_cgroup
from ebpftrace.host.reading.owners import owner_of
from ebpftrace.host.reading.proc_file import matching_lines, proc_chunks

_IDS = re.compile(rb"^(Tgid|TracerPid):\t(\d{1,10})$", re.MULTILINE)
_STATUS_LIMIT = 16 << 10
_MOST = 64  # debuggers at a time
_MOST_THREADS = 128  # of all of them at a time; the others are looked at once these have ended


class Tracers:
    """Ends the debuggers that keep killed processes from ending, and theirs in turn.

    A debugger may have another, and then does not end either: each call continues where the
    call before was at its bound. Only those of the same user, which that user may signal
    anyway, or of the same job, whatever their user; none that must not be touched.
    """

    def __init__(self) -> None:
        self._left: list[ProcessKey] = []  # found by the last call, and not looked at yet

    def end(self, keys: Iterable[ProcessKey], given_paths: Collection[str] = ()) -> None:
        """Kill the debuggers of these, which were killed.

        `given_paths` are the cgroups that were given to their job.
        """
        held = deque(key for key in dict.fromkeys((*self._left, *keys)) if _is_there(key))
        seen, found, threads = set(held), 0, _MOST_THREADS
        while held and found < _MOST and threads > 0:
            key = held.popleft()
            looked = list(islice(proc.threads(key.pid), threads))
            threads -= len(looked)
            for tracer in _tracers(key.pid, looked, given_paths):
                if tracer not in seen:
                    seen.add(tracer)
                    held.appendleft(tracer)  # else these here would be looked at ever again
                    found += 1
                    kill_each([tracer])
        self._left = list(held)


def _tracers(
    pid: int, threads: Iterable[int], given_paths: Collection[str]
) -> Iterator[ProcessKey]:
    """The debuggers of threads of one process, which are of its own job or user."""
    for tracer in sorted({_tracer(thread) for thread in threads} - {0}):
        stat = proc.read_stat(tracer)
        if stat is not None and _is_of_same_job(tracer, pid, given_paths):
            yield ProcessKey(tracer, stat.start_boottime_ns)


def _is_of_same_job(tracer: int, pid: int, given_paths: Collection[str]) -> bool:
    owner = owner_of(tracer)
    if owner is None or owner == owner_of(pid):
        return owner is not None
    cgroup = memory_cgroup(tracer) or ""
    return any(is_within(cgroup, path) for path in (*given_paths, memory_cgroup(pid) or ""))


def _is_there(key: ProcessKey) -> bool:
    stat = proc.read_stat(key.pid)
    return stat is not None and stat.started_at(key.start_boottime_ns)


def _tracer(thread: int) -> int:
    """The process that holds this thread in a stop; 0: there is none."""
    stat = proc.read_stat(thread)
    if stat is None or stat.state != "t":
        return 0
    tracer = _ids(thread).get(b"TracerPid", 0)  # a thread's id
    return _ids(tracer).get(b"Tgid", 0) if tracer else 0


def _ids(pid: int, root: Path = proc.PROC) -> dict[bytes, int]:
    """Of a thread, by its own id."""
    with suppress(FileNotFoundError, ProcessLookupError, EbpftraceError):
        chunks = proc_chunks(root, pid, "status", _STATUS_LIMIT)
        return {line[1]: int(line[2]) for line in matching_lines(_IDS, chunks)}
    return {}
