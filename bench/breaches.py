"""Jobs that grow past a bound on request, and the time at which a hook then starts."""

import os
import random
import select
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ebpftrace.units import MIB
from tests.support.build import FLAGS, compiled
from tests.support.cgroups import MemoryCgroup, memory_cgroup

COMM = "grower"
BOUND, REST, LIMIT = 8 * MIB, 4 * MIB, 64 * MIB
DEADLINE_SECONDS = 60.0
_HERE = Path(__file__).parent
_HOOK_RECORD = struct.Struct("=qq")


class NoHookError(Exception):
    """No hook started within a minute of a breach."""


def grower() -> Path:
    """The program that grows (grower.c)."""
    return compiled(COMM, [_HERE / "grower.c"])


def hook() -> Path:
    """The program that a breach starts (hook.c)."""
    return compiled("hook", [_HERE / "hook.c"], (*FLAGS, "-nostdlib"))


@dataclass(slots=True)
class Job:
    """A process in a memory cgroup of its own, with a limit far above the bound."""

    cgroup: MemoryCgroup
    process: subprocess.Popen[bytes]

    def breach(self) -> int:
        """Grow past the bound; when it was reached, CLOCK_MONOTONIC nanoseconds."""
        (ns,) = struct.unpack("=q", self._ask(b"b", 8))
        return int(ns)

    def shrink(self) -> None:
        """Free all that was gained."""
        self._ask(b"s", 1)

    def _ask(self, command: bytes, size: int) -> bytes:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(command)
        return self.process.stdout.read(size)


class Hooks:
    """A FIFO into which each hook writes its start time and the pid it was started for."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "hooks"
        os.mkfifo(self.path)
        self._fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)

    def began(self, pid: int) -> int:
        """Wait for the next hook for this process; CLOCK_MONOTONIC nanoseconds."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self._fd], [], [], left)[0]:
                ns, hook_pid = _HOOK_RECORD.unpack(os.read(self._fd, _HOOK_RECORD.size))
                if hook_pid == pid:
                    return int(ns)
        raise NoHookError(f"no hook began within {DEADLINE_SECONDS:g} s of a breach")

    def forget(self) -> None:
        """Drop records of earlier breaches."""
        while select.select([self._fd], [], [], 0)[0]:
            os.read(self._fd, 1 << 16)

    def close(self) -> None:
        os.close(self._fd)


@contextmanager
def jobs(count: int, told: Path | None = None) -> Iterator[list[Job]]:
    """This many idle jobs. At each breach they write their pid to the FIFO `told`."""
    with ExitStack() as stack:
        made: list[Job] = []
        for _ in range(count):
            cgroup = stack.enter_context(memory_cgroup(LIMIT))
            process = cgroup.run(
                [grower(), str(BOUND), str(REST), *([] if told is None else [told])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
            )
            stack.callback(_end, process)
            made.append(Job(cgroup, process))
        for job in made:
            job.shrink()  # answered once it is idle
        yield made


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def latencies(
    running_jobs: list[Job], hooks: Hooks, count: int, pause: tuple[float, float]
) -> Iterator[float]:
    """Milliseconds from each breach to its hook's first instruction, one job after the other.

    `pause` are the least and the most seconds between two breaches, which are random so as
    not to be in step with any polling.
    """
    for number in range(count):
        time.sleep(random.uniform(*pause))
        job = running_jobs[number % len(running_jobs)]
        hooks.forget()
        breach_ns = job.breach()
        yield (hooks.began(job.process.pid) - breach_ns) / 1e6
        job.shrink()
