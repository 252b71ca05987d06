"""Pids and cgroups that a user named: checked before anything is loaded."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ebpftrace.errors import GoneError, UsageError
from ebpftrace.host import proc
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.host.mounts import MemoryHierarchy
from ebpftrace.host.namespaces import cgroup_namespace_root


def require_pids(pids: tuple[int, ...]) -> None:
    """GoneError for the first pid that has no process, or one without memory of its own."""
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
                why="it is a kernel thread, or has ended and is a zombie",
                fix="name a process that runs a program: ps -e | grep gopls",
            )


def cgroup_ids(
    cgroups: tuple[str, ...], hierarchy: MemoryHierarchy, paths: CgroupPaths
) -> tuple[int, ...]:
    """Ids of these memory cgroups. What is below them is watched by the kernel programs.

    A cgroup is named as in /proc/PID/cgroup (/ci/build-42), or by its folder below the
    mount; no name leads out of it. GoneError for a cgroup that does not exist, UsageError
    for `..`.
    """
    ids: set[int] = set()
    for cgroup in cgroups:
        folder = next(
            (path for path in _named(cgroup, hierarchy, paths) if path.is_dir()), None
        )
        if folder is None:
            raise GoneError(
                f"there is no memory cgroup {cgroup}",
                why=f"it is not below {hierarchy.mount}",
                fix=f"list them with: find {hierarchy.mount} -type d",
            )
        with contextlib.suppress(OSError):  # removed meanwhile
            ids.add(folder.stat().st_ino)
    return tuple(ids)


def _named(cgroup: str, hierarchy: MemoryHierarchy, paths: CgroupPaths) -> Iterator[Path]:
    """The folders the name may stand for, the likeliest first."""
    path = "/" + cgroup.strip("/")
    known = paths.folder(path)
    if known is None and ".." in path.split("/"):
        raise UsageError(
            f"--cgroup {cgroup} has a '..'",
            why="what is watched would depend on where it leads",
            fix="name the cgroup as in /proc/PID/cgroup",
        )
    if Path(cgroup).is_relative_to(hierarchy.mount):
        yield Path(cgroup)
        return
    if known is not None:
        yield known
    elif ".." in hierarchy.root.split("/"):
        # A cgroup namespace under a mount that shows more: in /proc a path starts at the
        # namespace's root, in our output at the mount's.
        root = cgroup_namespace_root(hierarchy)
        if root is not None:
            yield root / path[1:]
        yield hierarchy.mount / path[1:]
