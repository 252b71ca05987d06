"""The namespaces of this process, as far as they change what pids and paths mean.

Source: namespaces(7), pid_namespaces(7), cgroup_namespaces(7).
"""

import contextlib
import os
from pathlib import Path

from ebpftrace.host.cgroups import memory_cgroup
from ebpftrace.host.mounts import MemoryHierarchy
from ebpftrace.text import clean

_INITIAL_PID_NAMESPACE = 0xEFFFFFFC  # PROC_PID_INIT_INO, include/linux/proc_ns.h
_MAX_FOLDERS = 4096
_NAME_LIMIT = 256  # HOST_NAME_MAX is 64, limits.h


def in_initial_pid_namespace(root: Path = Path("/")) -> bool:
    """Whether pids here are the kernel's own; True if /proc does not show it."""
    try:
        return (root / "proc/self/ns/pid").stat().st_ino == _INITIAL_PID_NAMESPACE
    except OSError:
        return True


def node_names(root: Path = Path("/")) -> tuple[str, ...]:
    """The names of this machine, cleaned: what the kernel has, and /etc/hostname of pid 1.

    They differ where this process has a UTS namespace of its own, in a pod for instance.
    """
    names = []
    for file in ("proc/sys/kernel/hostname", "proc/1/root/etc/hostname"):
        with contextlib.suppress(OSError):
            names.append(clean((root / file).read_bytes()[:_NAME_LIMIT].strip()))
    return tuple(dict.fromkeys(filter(None, names)))


def cgroup_namespace_root(hierarchy: MemoryHierarchy, root: Path = Path("/")) -> Path | None:
    """The folder that is "/" in /proc/self/cgroup, if the mount shows more than that.

    No file names it. But this process's cgroup is some levels below it, as /proc/self/cgroup
    shows, and its folder is the one with our pid in cgroup.procs. None if that is not among
    the first 4,096 folders.
    """
    pid = os.getpid()
    own = (memory_cgroup(pid, root) or "/..").strip("/").split("/")
    if ".." in own:
        return None  # this process was moved out of its namespace
    levels = len([name for name in own if name])
    for count, (where, folders, _files) in enumerate(os.walk(hierarchy.mount)):
        if count == _MAX_FOLDERS:
            return None
        folders.sort()
        if _contains(Path(where), pid):
            folder = Path(where)
            found = folder if not levels else folder.parents[levels - 1]
            return found if found.is_relative_to(hierarchy.mount) else None
    return None


def _contains(folder: Path, pid: int) -> bool:
    try:
        return str(pid) in (folder / "cgroup.procs").read_text().split()
    except OSError:
        return False  # just removed, or a threaded cgroup
