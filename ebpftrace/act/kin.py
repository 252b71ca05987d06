"""The descendants of a process, found while they still are: orphans have another parent."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
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


def family_of(*keys: ProcessKey) -> tuple[Target, ...]:
    """Their descendants that may be touched, nearest first; at most 256.

    Start times are read with them: from here on a reused pid is told apart.
    """
    found: list[Target] = []
    for stat in _descendants(keys):
        try:
            found.append(identify(ProcessKey(stat.pid, stat.start_boottime_ns)))
        except (GoneError, RefusedError):
            continue
        if len(found) == _MOST:
            break
    return tuple(found)


def orphans_of(incident: Incident, which: Literal["go", "all", "none"]) -> Iterator[Target]:
    """Which descendants end with those that are meant: those in the same memory cgroup.

    What `which` says, and those the incident names.
    """
    if which == "none" and not incident.kin:
        return
    names = incident.kin | (_GO if which == "go" else frozenset())
    meant = {target.key for target in incident.meant}
    cgroups = {target.cgroup for target in incident.meant}
    for one in family_of(*meant):
        if one.key in meant or one.cgroup not in cgroups:
            continue
        if which == "all" or proc.read_comm(one.key.pid) in names:
            yield one


def _descendants(keys: Sequence[ProcessKey]) -> Iterator[proc.Stat]:
    """Breadth first, from one look at every process's parent.

    Who is still there after the look was there all the while: the children that it showed
    of his pid are his, and not of one who has it by now.
    """
    children: dict[int, list[proc.Stat]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := proc.read_stat(int(entry.name))):
            children[stat.parent_pid].append(stat)
    queue = [key.pid for key in keys if _is_there(key)]
    seen = set(queue)
    for one in queue:
        born = [child for child in children[one] if child.pid not in seen]
        seen.update(child.pid for child in born)
        queue += [child.pid for child in born]
        yield from born


def _is_there(key: ProcessKey) -> bool:
    stat = proc.read_stat(key.pid)
    return stat is not None and stat.started_at(key.start_boottime_ns)
