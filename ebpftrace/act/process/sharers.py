"""The processes that share all memory of others, by clone(CLONE_VM): they end with those.

While one of them lives, so does the memory.
"""

from collections.abc import Callable, Collection

from ebpftrace.act.process.identity import RefusedError, Target, identify
from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey

FindSharers = Callable[[Collection[ProcessKey]], Collection[ProcessKey]]
"""`ebpftrace.probe.Probe.sharers`."""


def no_sharers(_keys: Collection[ProcessKey]) -> Collection[ProcessKey]:
    """For where nothing can look for them."""
    return ()


def sharers_of(keys: Collection[ProcessKey], find: FindSharers) -> tuple[Target, ...]:
    """The sharers of these that may be touched; no memory is looked for without keys."""
    found: list[Target] = []
    for key in find(keys) if keys else ():
        try:
            found.append(identify(key))
        except (GoneError, RefusedError):
            continue
    return tuple(found)
