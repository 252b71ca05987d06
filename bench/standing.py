"""Racers that stand: a rung of the ladder that waits for us, and what they hold meanwhile."""

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from ebpftrace.host import proc
from tests.support.cgroups import MemoryCgroup
from tests.support.workload import smaps_rollup

COMM = "racer-*"
LOOK_SECONDS = 0.002
_QUIET_SECONDS = 0.05


class Stand:
    """A rung of the ladder that lasts until the racers were measured: `cat` of a FIFO."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "stand"
        os.mkfifo(self._path)

    @property
    def command(self) -> list[str]:
        """What the rung runs."""
        return ["/bin/cat", str(self._path)]

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Whether the rung is being climbed; it ends with the context."""
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:  # nobody reads
                raise
            yield False
            return
        try:
            yield True
        finally:
            os.close(fd)


def let_end(cgroup: MemoryCgroup, stand: Stand, deadline: float) -> None:
    """The ladder goes on: until nobody is left, or nobody grows any more."""
    busy_at = time.monotonic()
    while (now := time.monotonic()) < deadline and (racers := racers_in(cgroup)):
        with stand.held() as standing:  # the next one
            pass
        if standing or any(map(_runs, racers)):
            busy_at = now
        if now - busy_at > _QUIET_SECONDS:
            return
        time.sleep(LOOK_SECONDS)


def measured(cgroup: MemoryCgroup, deadline: float) -> int | None:
    """Bytes in the page tables of the racers, once they stand; None: they did not."""
    busy_at = time.monotonic()
    while (now := time.monotonic()) < deadline and not cgroup.oom_kills():
        if not (racers := racers_in(cgroup)):
            return None
        if any(map(_runs, racers)):
            busy_at = now
        if now - busy_at > _QUIET_SECONDS:
            return sum(map(_own_bytes, racers))
        time.sleep(LOOK_SECONDS)
    return None


def racers_in(cgroup: MemoryCgroup) -> list[int]:
    """Without who floods the page cache beside them."""
    return [pid for pid in cgroup.pids() if fnmatch(proc.read_comm(pid) or "", COMM)]


def _runs(pid: int) -> bool:
    """Whether a thread is on a CPU, or about to be; with a SIGSTOP to come it still is."""
    try:
        stats = [file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/stat")]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return any(stat.rpartition(")")[2].split()[0] in "RD" for stat in stats)


def _own_bytes(pid: int) -> int:
    """0 of one that has ended in the meantime."""
    try:
        held = smaps_rollup(pid)
    except (ProcessLookupError, FileNotFoundError):
        return 0
    return held.get("Pss_Anon", 0) + held.get("Pss_Shmem", 0)
