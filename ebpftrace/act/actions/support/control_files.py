"""Control files of the job's memory cgroup: found, read and written for the actions.

A cgroup is found by its path, which its owner may choose: a cgroup may be renamed (on v1), or
removed and made again, and another may have its name. So before anything is written, the
folder is opened, and that very cgroup, or one below it, must have a process that was judged.
"""

import errno
import os
from collections.abc import Set as AbstractSet
from pathlib import Path

from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.process.identity import RefusedError, own_ancestry
from ebpftrace.act.process.undo import Undo
from ebpftrace.host.cgroups import memory_cgroup
from ebpftrace.host.reading.proc_file import listed_pids
from ebpftrace.units import KIB, MIB

_SIZE_LIMIT = 4 * KIB
_LIST_LIMIT = 4 * MIB
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def job_cgroup(incident: Incident) -> Path:
    """The folder of the job's own cgroup.

    RefusedError for the root cgroup, which holds every process, for one that is gone, and
    for one without a target of the incident.
    """
    if incident.cgroup_folder is None or incident.job.cgroup.strip("/") == "":
        raise RefusedError("the job has no memory cgroup of its own")
    if not incident.cgroup_folder.is_dir():
        raise RefusedError("the job's memory cgroup is gone")
    try:
        os.close(open_with(incident.cgroup_folder, judged_pids(incident)))
    except OSError as error:
        raise RefusedError(f"the job's memory cgroup: {error.strerror}") from error
    return incident.cgroup_folder


def judged_pids(incident: Incident) -> frozenset[int]:
    """The processes one of which must be in a cgroup that is written to."""
    return frozenset(target.key.pid for target in incident.targets)


def open_with(folder: Path, pids: AbstractSet[int]) -> int:
    """A descriptor of the cgroup's folder.

    RefusedError if none of these processes is in it or below it.
    """
    fd = os.open(folder, _FOLDER)
    try:
        if pids.isdisjoint(cgroup_pids(fd)) and not any(
            _is_below(folder, fd, pid) for pid in pids
        ):
            raise RefusedError(f"no process that was judged is in the cgroup {folder.name} now")
    except BaseException:
        os.close(fd)
        raise
    return fd


def _is_below(folder: Path, folder_fd: int, pid: int) -> bool:
    """Whether a process is in a cgroup below this one, by the path that it has now."""
    parts = [part for part in (memory_cgroup(pid) or "").split("/") if part]
    for count in range(len(parts) - 1, 0, -1):
        if folder.parts[-count:] == tuple(parts[:count]):
            try:
                below = os.open("/".join(parts[count:]), _FOLDER, dir_fd=folder_fd)
            except OSError:
                return False
            try:
                return pid in cgroup_pids(below)
            except OSError:
                return False
            finally:
                os.close(below)
    return False


def cgroup_pids(folder_fd: int) -> frozenset[int]:
    """The processes in a cgroup itself, some of them if they are very many. OSError."""
    try:
        raw = _read(folder_fd, "cgroup.procs")
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        raw = _read(folder_fd, "cgroup.threads")  # a threaded cgroup has no other list
    return frozenset(listed_pids(raw))


def _read(folder_fd: int, name: str) -> bytes:
    fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=folder_fd)
    with os.fdopen(fd, "rb") as file:
        return file.read(_LIST_LIMIT).rpartition(b"\n")[0]  # no pid that was cut


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


def write_control(file: Path, value: str, pids: AbstractSet[int]) -> None:
    """Write a control file of the cgroup that has one of these processes, at once.

    RefusedError if it has none; OSError if the kernel refuses.
    """
    folder = open_with(file.parent, pids)
    try:
        fd = os.open(file.name, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=folder)
        try:
            os.write(fd, value.encode())
        finally:
            os.close(fd)
    finally:
        os.close(folder)


def undo_write(file: Path, value: str, description: str, *, before_kill: bool = False) -> Undo:
    """An `Undo` that writes `value` to this very file."""
    return Undo(description, file, file.stat().st_ino, value, before_kill=before_kill)
