"""The processes that share all memory of others, by clone(CLONE_VM): they end with those.

While one of them lives, so does the memory.
"""

import os
import signal
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from itertools import islice

from ebpftrace.act.process.identity import RefusedError, Target, hold, identify
from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host import pidfd

_MOST = 128
_MOST_KILLED = 1000  # at a time: a look at each of them takes a while

FindSharers = Callable[[Collection[ProcessKey]], Collection[ProcessKey]]
"""`ebpftrace.probe.Probe.sharers`."""


def no_sharers(_keys: Collection[ProcessKey]) -> Collection[ProcessKey]:
    """For where nothing can look for them."""
    return ()


def sharers_of(keys: Collection[ProcessKey], find: FindSharers) -> tuple[Target, ...]:
    """The sharers of these that may be touched; no memory is looked for without keys.

    At most so many as may have a descriptor each: those beyond are found once these have ended.
    """
    found: list[Target] = []
    for key in islice(find(keys) if keys else (), _MOST):
        try:
            found.append(identify(key))
        except (GoneError, RefusedError):
            continue
    return tuple(found)


def kill_each(keys: Iterable[ProcessKey]) -> None:
    """Kill those that may be touched, the first thousand at most, with one descriptor."""
    for key in islice(keys, _MOST_KILLED):
        with suppress(GoneError, RefusedError):
            fd, _target = hold(key)
            try:
                pidfd.send_signal(fd, signal.SIGKILL)
            finally:
                os.close(fd)
