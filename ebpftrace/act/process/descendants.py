"""The descendants of a process, found while they still are: orphans have another parent."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from ebpftrace.act.process.identity import RefusedError, Target, identify
from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc

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
