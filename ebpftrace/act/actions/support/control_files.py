"""Control files of the job's memory cgroup: found, read and written for the actions."""

import os
from pathlib import Path

from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.process.identity import RefusedError, own_line
from ebpftrace.act.process.undo import Undo
from ebpftrace.host.cgroups import memory_cgroup

_LIMIT = 4096


def job_folder(incident: Incident) -> Path:
    """The folder of the job's own cgroup. RefusedError for the root: that is everybody."""
    if incident.cgroup_folder is None or incident.job.cgroup.strip("/") == "":
        raise RefusedError("the job has no memory cgroup of its own")
    if not incident.cgroup_folder.is_dir():
        raise RefusedError("the job's memory cgroup is gone")
    return incident.cgroup_folder


def without_us(incident: Incident) -> None:
    """RefusedError if ebpftrace or who started it runs in the job's cgroup."""
    below = incident.job.cgroup.rstrip("/")
    for pid in own_line():
        path = memory_cgroup(pid) or ""
        if path == below or path.startswith(below + "/"):
            raise RefusedError("ebpftrace itself runs in this cgroup")


def read(file: Path) -> str:
    """A control file's text, without its last newline. OSError."""
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return os.read(fd, _LIMIT).decode("ascii", "replace").strip()
    finally:
        os.close(fd)


def write(file: Path, value: str) -> None:
    """Write it in one go. OSError if the kernel refuses."""
    fd = os.open(file, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)


def undo(file: Path, value: str, words: str, *, early: bool = False) -> Undo:
    """How this very file is put back to `value`."""
    return Undo(words, file, file.stat().st_ino, value, early=early)
