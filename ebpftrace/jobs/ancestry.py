"""The CI run of a process: from its own environment, else from its nearest ancestor's.

A job's programs may clear their environment (`env -i`, sudo), so ancestors are asked in
turn. Never pid 1, and never a CI agent, container runtime or service manager: what
started those is not the job they run.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ebpftrace.errors import NotPermittedError
from ebpftrace.host.environ import Environ
from ebpftrace.host.proc import PROC, Stat, read_cmdline, read_environ, read_stat
from ebpftrace.jobs import (
    azure,
    buildkite,
    circleci,
    drone,
    github,
    gitlab,
    jenkins,
    tekton,
    woodpecker,
)
from ebpftrace.jobs.run import CiRun

_DEPTH = 32
_REMEMBERED = 4096

_RESOLVERS: tuple[Callable[[Environ], CiRun | None], ...] = (
    github.identify,
    gitlab.identify,
    jenkins.identify,
    buildkite.identify,
    circleci.identify,
    azure.identify,
    drone.identify,
    woodpecker.identify,
)

# By comm, which the kernel cuts at 15 bytes.
_NOT_A_JOB = frozenset(
    name[:15]
    for name in (
        "Runner.Listener",  # GitHub
        "Runner.Worker",
        "Agent.Listener",  # Azure
        "Agent.Worker",
        "gitlab-runner",
        "buildkite-agent",
        "circleci-runner",
        "drone-runner-docker",
        "drone-runner-exec",
        "drone-runner-kube",
        "woodpecker-agent",
        "containerd",
        "containerd-shim",
        "containerd-shim-runc-v2",
        "conmon",
        "dockerd",
        "kubelet",
        "systemd",
        "sshd",
    )
)


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A CI run, and the process whose environment told it."""

    run: CiRun
    pid: int


class Ancestry:
    """Finds CI runs; remembers what ancestors answered, by pid, start time and comm."""

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._known: OrderedDict[tuple[int, int, str], CiRun | None] = OrderedDict()

    def find(self, pid: int, parent_pid: int = 0) -> FoundRun | None:
        """The run `pid` belongs to; `parent_pid` is asked if `pid` is gone already."""
        stat = read_stat(pid, self._proc)
        current: int = pid
        if stat is None:
            current, stat = parent_pid, self._stat(parent_pid)
        for _ in range(_DEPTH):
            if stat is None or current <= 1 or stat.comm in _NOT_A_JOB:
                return None
            # An exec may give a process another environment, so only ancestors, which
            # rarely do that, are taken from memory.
            run = self._identify(stat) if current == pid else self._remembered(stat)
            if run is not None:
                return FoundRun(run, current)
            parent = self._stat(stat.parent_pid)
            if parent is not None and parent.start_ticks > stat.start_ticks:
                return None  # the parent's pid went to someone younger between two reads
            current, stat = stat.parent_pid, parent
        return None

    def _stat(self, pid: int) -> Stat | None:
        return read_stat(pid, self._proc) if pid > 1 else None

    def _remembered(self, stat: Stat) -> CiRun | None:
        key = (stat.pid, stat.start_ticks, stat.comm)
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        run = self._identify(stat)
        self._known[key] = run
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return run

    def _identify(self, stat: Stat) -> CiRun | None:
        try:
            environ = read_environ(stat.pid, self._proc)
            if environ is None:
                return None
            for identify in _RESOLVERS:
                if (run := identify(environ)) is not None:
                    return run
            if stat.comm == tekton.COMM:
                return tekton.identify(read_cmdline(stat.pid, self._proc) or (), environ)
        except NotPermittedError:
            return None  # the next ancestor, or the cgroup, may still tell
        return None
