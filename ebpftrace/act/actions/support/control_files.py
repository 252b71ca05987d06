"""Control files of the job's memory cgroup: found, read and written for the actions."""

import os
from pathlib import Path

from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.process.identity import RefusedError, own_ancestry
from ebpftrace.act.process.undo import Undo
from ebpftrace.host.cgroups import memory_cgroup
from ebpftrace.units import KIB

_SIZE_LIMIT = 4 * KIB


def job_cgroup(incident: Incident) -> Path:
    """The folder of the job's own cgroup.

    RefusedError for the root cgroup, which holds every process, and for one that is gone.
    """
    if incident.cgroup_folder is None or incident.job.cgroup.strip("/") == "":
        raise RefusedError("the job has no memory cgroup of its own")
    if not incident.cgroup_folder.is_dir():
        raise RefusedError("the job's memory cgroup is gone")
    return incident.cgroup_folder


def refuse_own_cgroup(incident: Incident) -> None:
    """RefusedError if ebpftrace or an ancestor of it runs in the job's cgroup."""
    cgroup = incident.job.cgroup.rstrip("/")
    for pid in own_ancestry():
        path = memory_cgroup(pid) or ""
        if path == cgroup or path.startswith(cgroup + "/"):
            raise RefusedError("ebpftrace itself runs in this cgroup")


def read_control(file: Path) -> str:
    """A control file's text, without its last newline. OSError."""
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return os.read(fd, _SIZE_LIMIT).decode("ascii", "replace").strip()
    finally:
        os.close(fd)


def write_control(file: Path, value: str) -> None:
    """Write a control file at once. OSError if the kernel refuses."""
    fd = os.open(file, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)


def undo_write(file: Path, value: str, description: str, *, before_kill: bool = False) -> Undo:
    """An `Undo` that writes `value` to this very file."""
    return Undo(description, file, file.stat().st_ino, value, before_kill=before_kill)
