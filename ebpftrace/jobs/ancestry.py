"""The CI run of a process: from its own environment, else from its nearest ancestor's.

A job's programs may clear their environment (`env -i`, sudo), so ancestors are read in
turn. Never pid 1, and never a CI agent, container runtime, service manager or a daemon that
starts sessions, such as sshd and cron: the environment in which those were started is not that
of what they run. A job may have restarted them. The kernel numbers sessions (pam_loginuid(8),
/proc/PID/sessionid), so a job's ancestor of another session is not asked either.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A CI run, and the process whose environment names it."""

    run: CiRun
    pid: int


class Ancestry:
    """Finds CI runs; caches the answers of ancestors by pid, start time and comm."""

    def __init__(self, proc: Path = PROC, systems: Iterable[CiSystem] = CI_SYSTEMS) -> None:
        self._proc = proc
        self._systems = tuple(systems)
        programs = (*_RUNTIMES, *(name for system in self._systems for name in system.agents))
        self._not_jobs = frozenset(map(cut_name, programs))
        self._cache: OrderedDict[tuple[int, int, str], CiRun | None] = OrderedDict()

    def find(self, pid: int, parent_pid: int = 0) -> FoundRun | None:
        """The run `pid` belongs to; the search starts at `parent_pid` if `pid` has ended."""
        stat = read_stat(pid, self._proc)
        current: int = pid
        if stat is None:
            current, stat = parent_pid, self._stat(parent_pid)
        for _ in range(_DEPTH):
            if stat is None or current <= 1 or stat.comm in self._not_jobs:
                return None
            # An exec may give a process another environment, so the cache is used for
            # ancestors only, which rarely do that.
            run = self._identify(stat) if current == pid else self._cached(stat)
            if run is not None:
                same = current == pid or self._same_session(pid, current)
                return FoundRun(run, current) if same else None
            parent = self._stat(stat.parent_pid)
            if parent is not None and parent.start_ticks > stat.start_ticks:
                return None  # the parent's pid was reused between the two reads
            current, stat = stat.parent_pid, parent
        return None

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
