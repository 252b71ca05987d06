"""The descendants of processes. Source: proc_tid_children(5)."""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from ebpftrace.descriptors import is_exhausted
from ebpftrace.events import ProcessKey
from ebpftrace.host.proc import PROC, Stat, read_stat, threads
from ebpftrace.host.reading.proc_file import proc_chunks
from ebpftrace.units import KIB

_LIST_LIMIT = 16 * KIB
"""Bytes of one thread's list: some 2,000 children."""
_DIGITS = 10

_Children = Callable[[int], list[Stat]]


def descendants(
    keys: Sequence[ProcessKey], proc: Path = PROC, most_reads: int = sys.maxsize
) -> Iterator[Stat]:
    """The descendants of these processes, breadth first, each once.

    Reads the processes of the family alone, where the kernel lists the children of a
    thread (CONFIG_PROC_CHILDREN), and all processes once where it does not. In the first
    case, `most_reads` bounds the files that are read to find descendants: those of threads
    and of children. Each process has an equal share of them, so that one with thousands of
    threads does not hide the children of the others.
    """
    share = most_reads // max(1, len(keys))
    children = _listed(proc, most_reads, share) if _has_lists(proc) else _scanned(proc)
    queue = list(keys)
    seen = {key.pid for key in keys}
    for parent in queue:
        born = [child for child in children(parent.pid) if child.pid not in seen]
        # A parent that is there after the look was there all the while: the children found
        # under its pid are not those of a later process with the same pid.
        stat = read_stat(parent.pid, proc)
        if stat is None or not stat.started_at(parent.start_boottime_ns):
            continue
        seen.update(child.pid for child in born)
        queue += [ProcessKey(child.pid, child.start_boottime_ns) for child in born]
        yield from born


def _has_lists(proc: Path) -> bool:
    try:
        return any(proc.glob("self/task/*/children"))
    except OSError as error:
        if not is_exhausted(error):
            raise
        return True


def _listed(proc: Path, most_reads: int, share: int) -> _Children:
    """Children as each thread of the parent lists them."""
    left = most_reads

    def children(pid: int) -> list[Stat]:
        nonlocal left
        mine = min(share, left)
        left -= mine
        found: list[Stat] = []
        for thread in islice(threads(pid, proc), mine):
            if not mine:
                break  # the children took what was left
            mine -= 1
            try:
                listed = _pids(proc, pid, thread)[:mine]
            except OSError as error:
                is_exhausted(error)  # else the thread has ended: another has its children now
                continue
            mine -= len(listed)
            stats = (read_stat(int(child), proc) for child in listed)
            found += [stat for stat in stats if stat is not None and stat.parent_pid == pid]
        left += mine  # what it did not need
        return found

    return children


def _pids(proc: Path, pid: int, thread: int) -> list[int]:
    """The children of one thread, those that its file names first."""
    raw = b"".join(proc_chunks(proc, pid, f"task/{thread}/children", _LIST_LIMIT))
    listed = raw if len(raw) < _LIST_LIMIT else raw[: raw.rfind(b" ") + 1]
    return [int(child) for child in listed.split() if child.isdigit() and len(child) <= _DIGITS]


def _scanned(proc: Path) -> _Children:
    """Children by the parent of every process there is."""
    by_parent: defaultdict[int, list[Stat]] = defaultdict(list)
    for entry in proc.iterdir():
        if entry.name.isdigit() and (stat := read_stat(int(entry.name), proc)):
            by_parent[stat.parent_pid].append(stat)
    return lambda pid: by_parent.get(pid, [])
