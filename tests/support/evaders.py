"""A process that evades a fuse or a signal: tests/hostile/programs/evade.c in a cgroup."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.build import evade_binary
from tests.support.cgroups import MemoryCgroup
from tests.support.workload import Workload


@contextmanager
def calm(group: MemoryCgroup, comm: str, mib: int) -> Iterator[Workload]:
    """A process beside it that only holds memory."""
    with Workload(comm, cgroup=group) as process:
        process.do(f"map {mib}MiB")
        process.do("touch 0")
        yield process


@contextmanager
def evading(group: MemoryCgroup, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The attack, which begins with a line on its stdin."""
    argv: list[str | Path] = [evade_binary(), *arguments]
    with subprocess.Popen(group.inside(argv), bufsize=0, stdin=subprocess.PIPE) as evader:
        try:
            yield evader
        finally:
            evader.kill()


def begin(evader: "subprocess.Popen[bytes]") -> None:
    """Let it attack."""
    assert evader.stdin is not None
    evader.stdin.write(b"\n")
