"""What a command and its descendants hold, by /proc: where it has no memory cgroup.

A process that was seen once is known until it ends, whatever its parent does. What begins and
ends between two looks is missed, and so is a child whose parent ended before a look.
"""

import contextlib
import signal
import time

from ebpftrace.errors import EbpftraceError
from ebpftrace.events import ProcessKey
from ebpftrace.host.children import descendants
from ebpftrace.host.pidfd import opened, send_signal
from ebpftrace.host.proc import read_stat, read_status
from ebpftrace.text import clean

_LEAST_SECONDS = 0.25
_PAUSE_FACTOR = 50
"""A pause is so many times the length of the look before: 2 % of a processor at most."""

_MOST_READS = 20_000
_MOST_POINTS = 3600


class ProcessTree:
    """The most that the processes held at a time, as far as it was looked at."""

    def __init__(self, pid: int) -> None:
        """`pid` is the command: a child of this process that was not waited for yet."""
        self.peak_bytes = 0
        self.holder = ""
        """`gopls 4711`: the process that held most of the peak."""

        self.points: list[tuple[int, int]] = []
        """(CLOCK_MONOTONIC ns, held bytes) of each look."""

        stat = read_stat(pid)
        self._known = set() if stat is None else {ProcessKey(pid, stat.start_boottime_ns)}

    def look(self) -> float:
        """Sum up what they hold now: anonymous and shared memory, and swap.

        A page that several processes share counts for each of them. Returns the seconds until
        the next look is due.
        """
        began = time.monotonic()
        with contextlib.suppress(OSError, EbpftraceError):  # the command runs on all the same
            for stat in descendants(list(self._known), most_reads=_MOST_READS):
                self._known.add(ProcessKey(stat.pid, stat.start_boottime_ns))
        sizes: dict[str, int] = {}
        for key in list(self._known):
            held = _held(key)
            if held is None:
                self._known.remove(key)
            else:
                name, size = held
                sizes[name] = size
        total = sum(sizes.values())
        if len(self.points) < _MOST_POINTS:
            self.points.append((time.monotonic_ns(), total))
        if total > self.peak_bytes:
            self.peak_bytes = total
            self.holder = max(sizes, key=sizes.__getitem__)
        return max(_LEAST_SECONDS, (time.monotonic() - began) * _PAUSE_FACTOR)

    def kill(self) -> None:
        """Send SIGKILL to those that are known."""
        for key in self._known:
            with contextlib.suppress(OSError, EbpftraceError), opened(key) as pidfd:
                send_signal(pidfd, signal.SIGKILL)


def _held(key: ProcessKey) -> tuple[str, int] | None:
    """Its name with its pid, and what it holds, in bytes; None once it has ended."""
    try:
        status = read_status(key.pid)
        stat = read_stat(key.pid)
    except (OSError, EbpftraceError):
        return None
    if status is None or stat is None or not stat.started_at(key.start_boottime_ns):
        return None
    name = f"{clean(stat.comm)} {key.pid}"
    return name, status.anon_bytes + status.shmem_bytes + status.swap_bytes
