"""The debuggers of processes that were killed and have not ended.

A debugger may ask that a process stops before its memory is freed (PTRACE_EVENT_EXIT), and
leave it there, whatever signals are sent to it. It ends once the debugger has ended.
Source: ptrace(2).
"""

import re
import signal
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path

from ebpftrace.act.process.identity import RefusedError, Target, identify
from ebpftrace.act.process.pidfd_set import PidfdSet
from ebpftrace.errors import EbpftraceError, GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc
from ebpftrace.host.reading.proc_file import matching_lines, proc_chunks
from ebpftrace.host.reading.stuck import owner_of

_IDS = re.compile(rb"^(Tgid|TracerPid):\t(\d{1,10})$", re.MULTILINE)
_STATUS_LIMIT = 16 << 10
_MOST = 64
_MOST_THREADS = 64  # of a process; the others are looked at once these have ended


def tracers_of(keys: Iterable[ProcessKey]) -> tuple[Target, ...]:
    """The debuggers that keep these, which were killed, from ending; and theirs in turn.

    Only those of the same user, which that user may signal anyway, and that may be touched.
    """
    found: dict[int, Target] = {}
    pids = [key.pid for key in keys if _is_there(key)]
    for pid in pids:
        for thread in islice(proc.threads(pid), _MOST_THREADS):
            tracer = _tracer(thread)
            owner = owner_of(tracer) if tracer and tracer not in found else None
            stat = proc.read_stat(tracer) if owner and owner == owner_of(pid) else None
            if stat is not None and len(found) < _MOST:
                with suppress(GoneError, RefusedError):
                    found[tracer] = identify(ProcessKey(tracer, stat.start_boottime_ns))
                    pids.append(tracer)
    return tuple(found.values())


def end_tracers(keys: Iterable[ProcessKey]) -> None:
    """Kill them."""
    if tracers := tracers_of(keys):
        processes = PidfdSet()
        processes.add(tracers)
        processes.send(signal.SIGKILL)
        processes.close()


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
