"""The CI run of a process: from its own environment, else from its nearest ancestor's.

A job's programs may clear their environment (`env -i`, sudo), so ancestors are read in
turn. Never pid 1, and never a CI agent, container runtime, service manager or a daemon that
starts sessions, such as sshd and cron: the environment in which those were started is not that
of what they run. A job may have restarted them. The kernel numbers sessions (pam_loginuid(8),
/proc/PID/sessionid), so a job's ancestor of another session is not asked either.
"""

from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ebpftrace.errors import NotPermittedError
from ebpftrace.host.proc import PROC, Stat, read_cmdline, read_environ, read_session, read_stat
from ebpftrace.jobs.ci import CI_SYSTEMS
from ebpftrace.jobs.ci.run import CiProcess, CiRun, CiSystem
from ebpftrace.process_names import cut_name

_DEPTH = 32
_CACHED_ANCESTORS = 4096

_RUNTIMES = (
    "containerd",
    "containerd-shim",
    "containerd-shim-runc-v2",
    "conmon",
    "conmonrs",
    "crio",
    "buildkitd",
    "dockerd",
    "kubelet",
    "systemd",
    "(systemd)",
    "supervisord",
    "runsv",
    "s6-supervise",
    # Sessions of users. OpenSSH 9.8 moved them to a program of their own, and 10.0 the log-in.
    "sshd",
    "sshd-session",
    "sshd-auth",
    "dropbear",
    "tailscaled",
    "login",
    "cron",
    "crond",
    "anacron",
    "atd",
)


_Ancestor = tuple[int, int, str, int]
"""pid, start in ticks, comm and parent's pid."""


class FoundRun(NamedTuple):
    """A CI run, and the process whose environment names it."""

    run: CiRun
    pid: int


class Ancestry:
    """Finds CI runs; caches the answers of ancestors by pid, start time, comm and parent."""

    def __init__(self, proc: Path = PROC, systems: Iterable[CiSystem] = CI_SYSTEMS) -> None:
        self._proc = proc
        self._systems = tuple(systems)
        programs = (*_RUNTIMES, *(name for system in self._systems for name in system.agents))
        self._not_jobs = frozenset(map(cut_name, programs))
        self._cache: OrderedDict[tuple[int, int, str], CiRun | None] = OrderedDict()
        self._above: OrderedDict[_Ancestor, FoundRun | None] = OrderedDict()

    def find(self, pid: int, parent_pid: int = 0) -> FoundRun | None:
        """The run `pid` belongs to; the search starts at `parent_pid` if `pid` has ended."""
        stat = read_stat(pid, self._proc)
        if stat is None:
            return self._of_ancestors(parent_pid)
        if pid <= 1 or stat.comm in self._not_jobs:
            return None
        # An exec may give a process another environment, so the caches are used for
        # ancestors only, which rarely do that.
        run = self._identify(stat)
        if run is not None:
            return FoundRun(run, pid)
        found = self._of_ancestors(stat.parent_pid, stat.start_ticks)
        return found if found is not None and self._same_session(pid, found.pid) else None

    def _of_ancestors(self, pid: int, child_ticks: int | None = None) -> FoundRun | None:
        """The run of this process, else of its nearest ancestor that has one.

        What was found above an ancestor is kept as long as that has the same parent: many
        short processes of one shell cost one look each, however deep it is.
        """
        passed: list[_Ancestor] = []
        found = None
        for _ in range(_DEPTH):
            stat = self._stat(pid)
            if stat is None or stat.comm in self._not_jobs:
                break
            if child_ticks is not None and stat.start_ticks > child_ticks:
                return None  # the parent's pid was reused between the two reads
            ancestor = (pid, stat.start_ticks, stat.comm, stat.parent_pid)
            if ancestor in self._above:
                found = self._above[ancestor]
                break
            passed.append(ancestor)
            if (run := self._cached(stat)) is not None:
                found = FoundRun(run, pid)
                break
            pid, child_ticks = stat.parent_pid, stat.start_ticks
        for ancestor in passed:
            self._above[ancestor] = found
            if len(self._above) > _CACHED_ANCESTORS:
                self._above.popitem(last=False)
        return found

    def _stat(self, pid: int) -> Stat | None:
        return read_stat(pid, self._proc) if pid > 1 else None

    def _cached(self, stat: Stat) -> CiRun | None:
        key = (stat.pid, stat.start_ticks, stat.comm)
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        run = self._identify(stat)
        self._cache[key] = run
        if len(self._cache) > _CACHED_ANCESTORS:
            self._cache.popitem(last=False)
        return run

    def _same_session(self, pid: int, ancestor: int) -> bool:
        """Whether no user logged in between; True where the kernel does not know."""
        session = read_session(pid, self._proc)
        return session is None or session == read_session(ancestor, self._proc)

    def _identify(self, stat: Stat) -> CiRun | None:
        try:
            environ = read_environ(stat.pid, self._proc)
            if environ is None:
                return None
            process = CiProcess(
                stat.comm, environ, lambda: read_cmdline(stat.pid, self._proc) or ()
            )
            found = (system.identify(process) for system in self._systems)
            return next((run for run in found if run is not None), None)
        except NotPermittedError:
            return None  # the next ancestor, or the cgroup, may still identify the job
