"""Starts the exact test process under any name, in any cgroup, and talks to it."""

import os
import select
import selectors
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.support.build import exact_binary
from tests.support.cgroups import MemoryCgroup
from tests.support.delegation import as_user
from tests.support.patience import patient
from tests.support.sessions import end_session, session_mark

ANSWER_SECONDS = patient(20.0)
PAGE = os.sysconf("SC_PAGE_SIZE")


class Workload:
    """A test process called `comm`, in a session of its own, killed with all it started.

    `do("map 100MiB")` sends a command (see tests/workloads/exact) and returns the words
    of its answer. A command that fails raises OSError with the kernel's error name. It is
    root's, or with `unprivileged` the user's of tests/support/delegation.py.
    """

    def __init__(
        self,
        comm: str = "exact",
        *,
        cgroup: MemoryCgroup | None = None,
        environment: Mapping[str, str] | None = None,
        unprivileged: bool = False,
    ) -> None:
        self.comm = comm
        self._unprivileged = unprivileged
        self._cgroup = cgroup
        self._mark = session_mark()
        self._environment = {**os.environ, **(environment or {}), **self._mark}
        self._folder = Path(tempfile.mkdtemp(prefix="ebpftrace-test-"))
        # Also if it is never started, or the start fails.
        self._forget = weakref.finalize(self, shutil.rmtree, self._folder)
        self.program = self.named(comm)
        self._received = b""
        self._sent = 0

    def named(self, comm: str) -> Path:
        """The test program under another name, for `exec` and `spawn`."""
        path = self._folder / comm
        if not path.exists():
            shutil.copy(exact_binary(), path)
        return path

    def __enter__(self) -> Self:
        argv: Sequence[str | Path] = [self.program]
        if self._unprivileged:
            self._folder.chmod(0o755)
            argv = as_user(argv)
        self._process = subprocess.Popen(
            self._cgroup.inside(argv) if self._cgroup else argv,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment,
            start_new_session=True,
        )
        self.pid = self._process.pid
        try:
            self._sent = 1  # its first answer comes without a command
            self.answer()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def send(self, command: str) -> None:
        """Send a command without waiting: `answer` has to be called for it later."""
        assert self._process.stdin is not None
        self._process.stdin.write(command.encode() + b"\n")
        self._sent += 1

    def answer(self, timeout: float = ANSWER_SECONDS) -> list[str]:
        """The words of the next answer, without `ok`.

        EOFError if the process ended instead, TimeoutError if it says nothing.
        """
        assert self._process.stdout is not None
        assert self._sent > 0, "no command is left to be answered"
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._received:
                if not selector.select(timeout):
                    raise TimeoutError(f"{self.comm} did not answer in {timeout} s")
                chunk = os.read(self._process.stdout.fileno(), 1 << 16)
                if not chunk:
                    raise EOFError(f"{self.comm} ended with {self.wait()}")
                self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        self._sent -= 1
        verdict, *words = line.decode().split()
        if verdict != "ok":
            raise OSError(f"{self.comm}: {' '.join(words)}")
        return words

    def answered(self) -> bool:
        """Whether `answer` would return at once, or has to report an end."""
        assert self._process.stdout is not None
        return bool(self._received or select.select([self._process.stdout], [], [], 0)[0])

    def do(self, command: str) -> list[str]:
        """Send a command and return the words of its answer."""
        self.send(command)
        return self.answer()

    def wait(self, timeout: float = ANSWER_SECONDS) -> int:
        """Wait for its end: the exit code, or minus the signal, as subprocess has it."""
        return self._process.wait(timeout)

    def close_input(self) -> int:
        """End it the quiet way; returns its exit code, 0."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self.wait()

    def smaps_rollup(self) -> dict[str, int]:
        """Bytes by the kernel's own names (Rss, Anonymous, Pss_Shmem, Swap, …)."""
        return smaps_rollup(self.pid)

    def statm(self) -> dict[str, int]:
        """Bytes: `virtual`, `resident`, `shared` (file and shmem), all exact counters."""
        return statm(self.pid)

    def status(self) -> dict[str, int]:
        """Bytes by the kernel's names (VmPeak, VmHWM, RssAnon, RssFile, RssShmem, …)."""
        return status(self.pid)

    def _end(self) -> None:
        end_session(self._process, self._mark)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._forget()


def smaps_rollup(pid: int) -> dict[str, int]:
    """Bytes by name, of any process."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}


def status(pid: int) -> dict[str, int]:
    """The sizes in /proc/PID/status, in bytes, of any process."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return {
        line.split(":")[0]: int(line.split()[1]) * 1024
        for line in lines
        if line.endswith(" kB")
    }


def statm(pid: int) -> dict[str, int]:
    """The sizes in /proc/PID/statm, in bytes, of any process."""
    pages = [
        int(field) * PAGE
        for field in Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()
    ]
    return {"virtual": pages[0], "resident": pages[1], "shared": pages[2]}
