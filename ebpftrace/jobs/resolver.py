"""A process's job, from the most specific source that identifies it."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ebpftrace.descriptors import when_exhausted
from ebpftrace.errors import EbpftraceError, NotPermittedError
from ebpftrace.host.cgroups import CgroupPaths, memory_cgroup
from ebpftrace.host.environ import Environ
from ebpftrace.host.mounts import Mount, mounts
from ebpftrace.host.namespaces import node_names
from ebpftrace.host.proc import read_environ
from ebpftrace.jobs import containers, fallback, kubernetes, systemd
from ebpftrace.jobs.ancestry import Ancestry
from ebpftrace.jobs.ci import CI_SYSTEMS
from ebpftrace.jobs.ci.run import CiSystem
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.jobs.location import JobLocation, chosen_below
from ebpftrace.text import PATH_LIMIT, clean


class JobResolver:
    """Finds which job a process belongs to, and how that is known.

    CI variables give name and kind; without them a Kubernetes pod, a container, a systemd
    unit, the cgroup, or the host. A process can choose its environment and with it the name
    of its job, but it cannot leave its memory cgroup, which is part of every key.
    """

    def __init__(
        self,
        paths: CgroupPaths,
        root: Path = Path("/"),
        systems: Iterable[CiSystem] = CI_SYSTEMS,
        pod_name: Callable[[str], str] | None = None,
    ) -> None:
        """`pod_name` gives what the Kubernetes API calls the pod with a uid; "" if that is not
        known."""
        self._pod_name = pod_name
        self._paths = paths
        self._root = root
        self._proc = root / "proc"
        self._ancestry = Ancestry(self._proc, systems)

    def resolve(
        self, pid: int, cgroup_id: int, parent_pid: int = 0, *, by_run: bool = True
    ) -> JobIdentity:
        """The job of a process in this memory cgroup; `parent_pid` helps if it has ended.

        Without `by_run` it is the cgroup, whatever CI run the process names. Never fails:
        what cannot be read is ignored. `cgroup` of the answer is "" if the cgroup was removed
        before its path was read.
        """
        path, found, given = None, None, ""
        location = fallback.locate_removed(cgroup_id)
        with when_exhausted():
            path = self._path(pid, cgroup_id)
            if path is not None:
                given, owner = self._paths.given_part(path)
                location = self._locate(pid, path, given, owner, cgroup_id)
            found = self._ancestry.find(pid, parent_pid) if by_run else None
        restart_key = f"{location.kind}:{location.restart_id or path}" if path else ""
        if found is None:
            return _at(location, path, cgroup_id, restart_key, given)
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
            # Not the run's id alone: any process could name it and spend its budget.
            restart_key=restart_key and f"{restart_key} {found.run.kind}:{found.run.run}",
            recurring=found.run.recurring,
            given_path=given,
            place_account=restart_key or str(cgroup_id),
            origin=found.run.origin,
        )

    def of_cgroup(self, cgroup_id: int) -> JobIdentity:
        """The job of a cgroup in which no process may be tracked: it is named by its path."""
        path = self._paths.path(cgroup_id)
        location, given = fallback.locate_removed(cgroup_id), ""
        if path is not None:
            given, owner = self._paths.given_part(path)
            location = _located(path, given, owner, cgroup_id)
        return _at(location, path, cgroup_id, "", given)

    def _path(self, pid: int, cgroup_id: int) -> str | None:
        path = self._paths.path(cgroup_id)
        if path is None:
            path = memory_cgroup(pid, self._root)
            if path is not None and self._paths.id(path) not in (cgroup_id, None):
                return None  # it has moved, or the pid was reused
            path = None if path is None else clean(os.fsencode(path), PATH_LIMIT)
        return path

    def _locate(
        self, pid: int, path: str, given: str, owner: int, cgroup_id: int
    ) -> JobLocation:
        """Where the cgroup is; a process may say more of a pod."""
        pod = None
        if kubernetes.is_pod(given):
            name = self._pod_name(kubernetes.pod_uid(given)) if self._pod_name else ""
            pod = kubernetes.locate(
                given, self._environ(pid), self._mounts(pid), node_names(self._root), name
            )
        return _located(path, given, owner, cgroup_id, pod)

    def _mounts(self, pid: int) -> Iterator[Mount]:
        with contextlib.suppress(EbpftraceError):
            yield from mounts(self._root, pid)

    def _environ(self, pid: int) -> Environ | None:
        try:
            return read_environ(pid, self._proc)
        except NotPermittedError:
            return None


def _located(
    path: str, given: str, owner: int, cgroup_id: int, pod: JobLocation | None = None
) -> JobLocation:
    """By the names that the cgroup was given, then by those that its owner chose."""
    location = (
        pod
        or containers.locate(given)
        or containers.locate(path)
        or systemd.locate(path)
        or fallback.locate(path, cgroup_id)
    )
    return location if path == given else chosen_below(location, given, owner)


def _at(
    location: JobLocation, path: str | None, cgroup_id: int, restart_key: str, given: str
) -> JobIdentity:
    """A job that is known by where it runs."""
    return JobIdentity(
        key=f"systemd:{path}" if location.same_job_after_restart else str(cgroup_id),
        name=location.name,
        kind=location.kind,
        identified_by=location.identified_by,
        cgroup=path or "",
        cgroup_id=cgroup_id,
        restart_key=restart_key,
        given_path=given,
    )
