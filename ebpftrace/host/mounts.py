"""Mounts: tracefs, debugfs, and the hierarchy that has the memory controller.

Source: /proc/self/mountinfo, proc_pid_mountinfo(5); cgroups(7).
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from ebpftrace.errors import EbpftraceError
from ebpftrace.text import lines
from ebpftrace.units import KIB

_OTHERS_MOUNTS, _OTHERS_LIMIT, _OTHERS_LINE = 1024, 128 * KIB, 8 * KIB
_MOST_OPTIONS = 64
_OCTAL = re.compile(r"\\([0-7]{3})")


class Mount(NamedTuple):
    """One line of mountinfo. `root` is the folder within the file system that is mounted.

    `device` is the file system's, as stat(2) has it; 0 if the line has none.
    """

    root: str
    point: str
    fstype: str
    options: frozenset[str]  # of the mount and of its superblock
    device: int = 0


class MemoryHierarchy(NamedTuple):
    """The cgroup hierarchy that has the memory controller.

    `root` is the cgroup mounted at `mount`, as seen from the reader's cgroup namespace:
    "/" unless a container was given only its own branch.
    """

    version: Literal["v1", "v2", "hybrid"]
    mount: Path
    root: str = "/"


def mounts(root: Path = Path("/"), pid: int | None = None) -> Iterator[Mount]:
    """All mounts that this process sees, or the first 1,024 of another.

    A process may have 100,000, in a namespace of its own. EbpftraceError without /proc.
    """
    whose = "self" if pid is None else pid
    try:
        with (root / f"proc/{whose}/mountinfo").open("rb") as file:
            raw = file.read() if pid is None else file.read(_OTHERS_LIMIT)
    except OSError as error:
        raise EbpftraceError(
            f"cannot read /proc/{whose}/mountinfo",
            why=error.strerror or str(error),
            fix="mount it: mount -t proc proc /proc",
        ) from error
    if pid is None:
        rows = lines(raw)
    else:
        rows = raw.split(b"\n", _OTHERS_MOUNTS)[:_OTHERS_MOUNTS]
        rows = [row for row in rows if len(row) <= _OTHERS_LINE]
    for line in map(os.fsdecode, rows):
        head, separator, tail = line.partition(" - ")
        left, right = head.split(" "), tail.split(" ")
        if not separator or len(left) < 6 or len(right) < 3:
            continue
        options = frozenset(
            option for some in (left[5], right[2]) for option in some.split(",", _MOST_OPTIONS)
        )
        device = _device(left[2])
        yield Mount(_unescape(left[3]), _unescape(left[4]), right[0], options, device)


def mount_point(fstype: str, root: Path = Path("/")) -> Path | None:
    """Where a file system of this type (`tracefs`, `debugfs`) is mounted, or None."""
    for mount in mounts(root):
        if mount.fstype == fstype:
            return Path(mount.point)
    return None


def memory_hierarchy(root: Path = Path("/")) -> MemoryHierarchy:
    """The hierarchy that has the memory controller; `mount` includes `root`.

    A controller lives in one hierarchy at a time: a v1 mount with the option `memory`
    has it, else the v2 hierarchy if its cgroup.controllers names it. EbpftraceError
    if there is neither.
    """
    found = list(mounts(root))
    v2 = [mount for mount in found if mount.fstype == "cgroup2"]
    for mount in found:
        if mount.fstype == "cgroup" and "memory" in mount.options:
            version: Literal["v1", "hybrid"] = "hybrid" if v2 else "v1"
            return MemoryHierarchy(version, _under(root, mount.point), mount.root)
    for mount in v2:
        point = _under(root, mount.point)
        try:
            controllers = (point / "cgroup.controllers").read_text().split()
        except OSError:
            continue
        if "memory" in controllers:
            return MemoryHierarchy("v2", point, mount.root)
    raise EbpftraceError(
        "no memory cgroups",
        why="neither a v1 hierarchy with the memory controller nor a v2 one is mounted",
        fix="mount one: mount -t cgroup2 none /sys/fs/cgroup; the kernel needs CONFIG_MEMCG "
        "and must not be booted with cgroup_disable=memory",
    )


def _under(root: Path, point: str) -> Path:
    return root / point.lstrip("/")


def _device(field: str) -> int:
    major, _, minor = field.partition(":")
    try:
        return os.makedev(int(major), int(minor))
    except (ValueError, OverflowError):
        return 0


def cgroup_devices(root: Path = Path("/")) -> frozenset[int]:
    """The devices of all cgroup file systems, by which their files are known."""
    return frozenset(
        mount.device for mount in mounts(root) if mount.fstype in ("cgroup", "cgroup2")
    )


def _unescape(field: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)
