"""The stage: the three jobs in their cgroups, started and removed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from ebpftrace.demo.cgroups import PREFIX, Cgroup
from ebpftrace.demo.gopls import Gopls
from ebpftrace.demo.process import die_with
from ebpftrace.demo.roles import Role
from ebpftrace.host.mounts import MemoryHierarchy


class Stage:
    """Runs each role's runner in a cgroup; leaving the context removes everything.

    For a process with one thread: code runs between fork and exec.
    """

    def __init__(self, hierarchy: MemoryHierarchy, folder: Path) -> None:
        self._hierarchy = hierarchy
        self._folder = folder
        self._cgroups: list[Cgroup] = []
        self._runners: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Stage":
        return self

    def start(self, role: Role, gopls: Gopls | None) -> None:
        """Start one job, with a real gopls or, without one, the stand-in."""
        cgroup = Cgroup(self._hierarchy, f"{PREFIX}{os.getpid()}-{role.name}")
        self._cgroups.append(cgroup)
        cgroup.make(role.limit_bytes)
        folder = self._folder / role.name
        folder.mkdir()
        tools = [str(gopls.path), str(gopls.go_folder)] if gopls else []

        parent = os.getpid()

        def set_up() -> None:
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            die_with(parent, signal.SIGKILL)
            cgroup.join()

        with (folder / "log").open("wb") as log:
            runner = subprocess.Popen(
                [sys.executable, "-m", "ebpftrace.demo.runner", role.name, str(folder), *tools],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Only these variables: the demo itself may run in a CI job.
                env={"PATH": "/usr/bin:/bin", "CI": "true", **role.variables},
                cwd=folder,
                start_new_session=True,  # Ctrl-C is for the watch
                preexec_fn=set_up,
            )
        self._runners.append(runner)

    def messages(self, roles: Iterable[Role]) -> list[str]:
        """The runners' messages, one line each: "leak: …"."""
        lines: list[str] = []
        for role in roles:
            text = (self._folder / role.name / "log").read_text(errors="replace")
            lines += [f"{role.name}: {line}" for line in text.splitlines()]
        return lines

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Runners first: each would restart its gopls.
        for runner in self._runners:
            runner.kill()
        for runner in self._runners:
            runner.wait()
        for cgroup in self._cgroups:
            if not cgroup.remove():
                print(f"demo: {cgroup.path} could not be removed", file=sys.stderr)
