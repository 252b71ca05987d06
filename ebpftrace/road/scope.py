"""What a user named: checked before anything is loaded."""

import os
from pathlib import Path

from ebpftrace.errors import GoneError
from ebpftrace.host import proc
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.host.mounts import MemoryHierarchy


def require_pids(pids: tuple[int, ...]) -> None:
    """GoneError for the first pid that is no process, or one without memory of its own."""
    for pid in pids:
        if proc.read_stat(pid) is None:
            raise GoneError(
                f"there is no process {pid}",
                why="it has ended, or it is in another pid namespace",
                fix="look for it with: ps -e | grep gopls",
            )
        if proc.read_status(pid) is None:
            raise GoneError(
                f"process {pid} has no memory of its own",
                why="it is a kernel thread, or has ended and waits for its parent",
                fix="name a process that runs a program: ps -e | grep gopls",
            )


def cgroup_ids(
    cgroups: tuple[str, ...], hierarchy: MemoryHierarchy, paths: CgroupPaths
) -> tuple[int, ...]:
    """Ids of these memory cgroups and all below them. GoneError for one that is not there.

    A cgroup is named as /proc/PID/cgroup has it (/ci/build-42), or by its folder.
    """
    ids: list[int] = []
    for cgroup in cgroups:
        folder = Path(cgroup)
        if not folder.is_relative_to(hierarchy.mount):
            folder = paths.folder("/" + cgroup.strip("/")) or folder
        if not folder.is_dir():
            raise GoneError(
                f"there is no memory cgroup {cgroup}",
                why=f"{folder} does not exist",
                fix=f"list them with: find {hierarchy.mount} -type d",
            )
        ids += (Path(where).stat().st_ino for where, _folders, _files in os.walk(folder))
    return tuple(ids)
