"""The descendants of a process, found while they still are: orphans have another parent."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from ebpftrace.act.guard import RefusedError, Target, identify
from ebpftrace.act.incident import Incident
from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc

_GO = frozenset({"go", "compile", "link", "asm", "cgo", "vet", "cover", "buildid", "covdata"})
"""The go command and what it runs of itself. Source: cmd/go and pkg/tool of a Go tree."""

_MOST = 256


def family_of(key: ProcessKey) -> tuple[Target, ...]:
    """Its descendants that may be touched, nearest first; at most 256.

    Start times are read with them: from here on a reused pid is told apart.
    """
    found: list[Target] = []
    for pid in _descendants(key.pid):
        stat = proc.read_stat(pid)
        if stat is None:
            continue
        try:
            found.append(identify(ProcessKey(pid, stat.start_boottime_ns)))
        except (GoneError, RefusedError):
            continue
        if len(found) == _MOST:
            break
    return tuple(found)


def orphans_of(incident: Incident, which: Literal["go", "all", "none"]) -> tuple[Target, ...]:
    """Which of its descendants end with it: those in the same memory cgroup."""
    if which == "none":
        return ()
    return tuple(
        one
        for one in family_of(incident.target.key)
        if one.cgroup == incident.target.cgroup
        and (which == "all" or proc.read_comm(one.key.pid) in _GO)
    )


def _descendants(pid: int) -> Iterator[int]:
    """Breadth first, from one look at every process's parent."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := proc.read_stat(int(entry.name))):
            children[stat.parent_pid].append(stat.pid)
    queue = [pid]
    for one in queue:
        yield from children[one]
        queue += children[one]
