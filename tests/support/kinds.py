"""Runs tests/workloads/kinds.py in a cgroup: a process that takes one kind of memory."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.build import ROOT
from tests.support.cgroups import MemoryCgroup
from tests.support.sessions import end_session, session_mark

PROGRAM = ROOT / "tests/workloads/kinds.py"


class KindsProcess:
    """The running process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.pid = process.pid

    def send(self, command: str) -> None:
        """Ask for memory, as the program's docstring says, without waiting for it."""
        assert self._process.stdin is not None
        self._process.stdin.write(command.encode() + b"\n")
        self._process.stdin.flush()

    def answer(self) -> None:
        """Wait until it has taken the memory; AssertionError if it has ended instead."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ok\n"

    def do(self, command: str) -> None:
        """Ask, and wait."""
        self.send(command)
        self.answer()

    def wait(self, timeout: float) -> int:
        """Wait for its end; minus the signal that ended it."""
        return self._process.wait(timeout)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None


@contextmanager
def kinds_process(
    cgroup: MemoryCgroup, environment: Mapping[str, str] | None = None
) -> Iterator[KindsProcess]:
    """The process in this cgroup, from its first instruction until the end of the block."""
    mark = session_mark()
    process = subprocess.Popen(
        cgroup.inside([Path(sys.executable), PROGRAM]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        env={**os.environ, **(environment or {}), **mark},
        start_new_session=True,
    )
    try:
        started = KindsProcess(process)
        started.answer()
        yield started
    finally:
        end_session(process, mark)
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()
