"""Memory cgroups of the demo, v1 and v2: made, limited, emptied and removed."""

import contextlib
import os
import signal
import time

from ebpftrace.demo.process import await_end, open_pidfd
from ebpftrace.errors import EbpftraceError
from ebpftrace.host.mounts import MemoryHierarchy

PREFIX = "ebpftrace-demo-"


class Cgroup:
    """One memory cgroup at the root of its hierarchy, with a limit in bytes."""

    def __init__(self, hierarchy: MemoryHierarchy, name: str) -> None:
        self._hierarchy = hierarchy
        self.path = hierarchy.mount / name

    def make(self, limit_bytes: int) -> None:
        """Make the folder and set the limit, swap included. EbpftraceError if refused."""
        try:
            if self._hierarchy.version == "v2":
                self._delegate()
                self.path.mkdir()
                (self.path / "memory.max").write_text(str(limit_bytes))
                self._write_if_there("memory.swap.max", "0")
            else:
                self.path.mkdir()
                (self.path / "memory.limit_in_bytes").write_text(str(limit_bytes))
                self._write_if_there("memory.memsw.limit_in_bytes", str(limit_bytes))
        except OSError as error:
            raise EbpftraceError(
                f"cannot make the memory cgroup {self.path}: {error.strerror}",
                why="each job of the demo is a memory cgroup",
                fix="run it as root, outside of a container",
            ) from error

    def _delegate(self) -> None:
        control = self._hierarchy.mount / "cgroup.subtree_control"
        if "memory" not in control.read_text().split():
            control.write_text("+memory")

    def _write_if_there(self, name: str, value: str) -> None:
        file = self.path / name
        if file.exists():
            file.write_text(value)

    def join(self) -> None:
        """Move the calling process into the cgroup."""
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def pids(self) -> list[int]:
        """The processes in it; none if it was removed."""
        try:
            return [int(line) for line in (self.path / "cgroup.procs").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            return []

    def remove(self, seconds: float = 10.0) -> bool:
        """Kill its processes and remove it; False if that took longer than `seconds`."""
        deadline = time.monotonic() + seconds
        while self.path.exists():
            if time.monotonic() > deadline:
                return False
            self._kill(deadline)
            # Tasks that have just ended keep the folder busy for a moment.
            with contextlib.suppress(OSError):
                self.path.rmdir()
                return True
            time.sleep(0.02)
        return True

    def _kill(self, deadline: float) -> None:
        pidfds: list[int] = []
        try:
            for pid in self.pids():
                pidfd = open_pidfd(pid)
                if pidfd is None:
                    continue
                pidfds.append(pidfd)
                # The pid may have been reused between the list and the descriptor.
                if pid in self.pids():
                    with contextlib.suppress(ProcessLookupError):
                        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            await_end(pidfds, deadline - time.monotonic())
        finally:
            for pidfd in pidfds:
                os.close(pidfd)
