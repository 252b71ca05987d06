"""The descendants of a process, found before it ends: orphans get another parent."""

from ebpftrace.act.process.identity import RefusedError, Target, identify
from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host.children import descendants

_MOST = 256


def descendants_of(*keys: ProcessKey) -> tuple[Target, ...]:
    """Their descendants that may be touched, nearest first; at most 256.

    Start times are read with them: from here on a reused pid is recognized.
    """
    found: list[Target] = []
    for stat in descendants(keys):
        try:
            found.append(identify(ProcessKey(stat.pid, stat.start_boottime_ns)))
        except (GoneError, RefusedError):
            continue
        if len(found) == _MOST:
            break
    return tuple(found)
