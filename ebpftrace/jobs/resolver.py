"""A process's job, from the most telling source that answers."""

import os
from pathlib import Path

from ebpftrace.errors import EbpftraceError, NotPermittedError
from ebpftrace.host.cgroups import CgroupPaths, memory_cgroup
from ebpftrace.host.environ import Environ
from ebpftrace.host.mounts import Mount, mounts
from ebpftrace.host.proc import read_environ
from ebpftrace.jobs import containers, kubernetes, plain, systemd
from ebpftrace.jobs.ancestry import Ancestry
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.jobs.location import JobLocation
from ebpftrace.text import clean

_PATH_LIMIT = 4096


class JobResolver:
    """Says which job a process belongs to, and how that is known.

    CI variables give name and kind; without them a Kubernetes pod, a container, a systemd
    unit, the cgroup, or the host. The environment is the process's own word: who can
    choose it can name its job, but not leave its memory cgroup, which is in every key.
    """

    def __init__(self, paths: CgroupPaths, root: Path = Path("/")) -> None:
        self._paths = paths
        self._root = root
        self._proc = root / "proc"
        self._ancestry = Ancestry(self._proc)

    def resolve(self, pid: int, cgroup_id: int, parent_pid: int = 0) -> JobIdentity:
        """The job of a process in this memory cgroup; `parent_pid` helps if it is gone.

        Never fails: what cannot be read is left out of account. `cgroup` is "" where the
        cgroup was removed before its path was known.
        """
        path = self._path(pid, cgroup_id)
        found = self._ancestry.find(pid, parent_pid)
        place = self._place(pid, path, cgroup_id)
        home = f"{place.kind}:{place.home or path}" if path else ""
        if found is None:
            return JobIdentity(
                key=f"systemd:{path}" if place.lasts else str(cgroup_id),
                name=place.name,
                kind=place.kind,
                identified_by=place.identified_by,
                cgroup=path or "",
                cgroup_id=cgroup_id,
                lasting=home,
            )
        by = f"{found.run.variable} of pid {found.pid}"
        if found.pid != pid:
            by = f"{found.run.variable} of pid {pid}'s ancestor {found.pid}"
        return JobIdentity(
            key=f"{cgroup_id}:{found.run.kind}:{found.run.run}",
            name=found.run.name,
            kind=found.run.kind,
            identified_by=by,
            cgroup=path or "",
            cgroup_id=cgroup_id,
            # A run by its id alone could be named by anybody, and its budget spent.
            lasting=home and f"{home} {found.run.kind}:{found.run.run}",
        )

    def _path(self, pid: int, cgroup_id: int) -> str | None:
        path = self._paths.path(cgroup_id)
        if path is None:
            path = memory_cgroup(pid, self._root)
            if path is not None and self._paths.id(path) not in (cgroup_id, None):
                return None  # it moved since, or the pid is someone else's by now
            path = None if path is None else clean(os.fsencode(path), _PATH_LIMIT)
        return path

    def _place(self, pid: int, path: str | None, cgroup_id: int) -> JobLocation:
        if path is None:
            return plain.unknown(cgroup_id)
        pod = None
        if kubernetes.is_pod(path):
            pod = kubernetes.locate(path, self._environ(pid), self._mounts(pid))
        return (
            pod
            or containers.locate(path)
            or systemd.locate(path)
            or plain.locate(path, cgroup_id)
        )

    def _mounts(self, pid: int) -> tuple[Mount, ...]:
        try:
            return tuple(mounts(self._root, pid))
        except EbpftraceError:
            return ()

    def _environ(self, pid: int) -> Environ | None:
        try:
            return read_environ(pid, self._proc)
        except NotPermittedError:
            return None
