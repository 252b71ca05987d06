"""The descendants of a process, found before it ends: orphans get another parent."""

from ebpftrace.act.process.identity import RefusedError, Target, identify
from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host.children import descendants

_MOST = 256
_MOST_READS = 4 * _MOST
"""Of threads and children: a process may have tens of thousands of them."""


def descendants_of(*keys: ProcessKey) -> tuple[Target, ...]:
    """Their descendants that may be touched, nearest first; at most 256.

    Start times are read with them: from here on a reused pid is recognized.
    """
    found: list[Target] = []
    for stat in descendants(keys, most_reads=_MOST_READS):
        try:
            found.append(identify(ProcessKey(stat.pid, stat.start_boottime_ns)))
        except (GoneError, RefusedError):
            continue
        if len(found) == _MOST:
            break
    return tuple(found)
