"""A policy's step that waits until the stopped racers have been measured."""

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


class PausedLadder:
    """A step of the policy that runs until the racers have been measured: `cat` of a FIFO."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "stand"
        os.mkfifo(self._path)

    @property
    def command(self) -> list[str]:
        """The command of the step."""
        return ["/bin/cat", str(self._path)]

    @contextmanager
    def step_running(self) -> Iterator[bool]:
        """Whether the step runs; it ends with the context."""
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:  # no process has it open for reading
                raise
            yield False
            return
        try:
            yield True
        finally:
            os.close(fd)


def finish_ladder(cgroup: MemoryCgroup, ladder: PausedLadder, deadline: float) -> None:
    """Let the step end, repeatedly, until no racer is left or none runs any more."""
    busy_at = time.monotonic()
    while (now := time.monotonic()) < deadline and (racers := racers_in(cgroup)):
        with ladder.step_running() as running:  # the next one
            pass
        if running or any(map(_runs, racers)):
            busy_at = now
        if now - busy_at > _QUIET_SECONDS:
            return
        time.sleep(LOOK_SECONDS)


def racers_bytes(cgroup: MemoryCgroup, deadline: float) -> int | None:
    """Bytes in the racers' page tables once all are stopped; None if they were not."""
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
    """The racers' pids, without the process that floods the page cache."""
    return [pid for pid in cgroup.pids() if fnmatch(proc.read_comm(pid) or "", COMM)]


def _runs(pid: int) -> bool:
    """Whether a thread is running or runnable, also while a SIGSTOP is pending."""
    try:
        stats = [file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/stat")]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return any(stat.rpartition(")")[2].split()[0] in "RD" for stat in stats)


def _own_bytes(pid: int) -> int:
    """0 if the process has ended."""
    try:
        held = smaps_rollup(pid)
    except (ProcessLookupError, FileNotFoundError):
        return 0
    return held.get("Pss_Anon", 0) + held.get("Pss_Shmem", 0)
