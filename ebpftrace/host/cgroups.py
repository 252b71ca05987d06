"""Memory cgroups by path and by id.

A path is within the memory hierarchy: "/" is its root, "/system.slice/x.service" a cgroup.
An id is the kernfs id of the cgroup's folder, equal to its inode.
"""

import errno
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

from ebpftrace.descriptors import is_exhausted
from ebpftrace.host.kernfs import KernfsHandles
from ebpftrace.host.mounts import MemoryHierarchy
from ebpftrace.host.proc import living_thread, read_stat
from ebpftrace.host.reading.proc_file import read_start
from ebpftrace.text import PATH_LIMIT, clean

_DELETED = " (deleted)"
ROOT_ID = 1  # kernfs gives its root this id; a namespace's root has another

_UNSUPPORTED = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP)

_ROWS = 48  # hierarchies; a kernel has 14 controllers
_CACHED_PATHS = 8192
_MAX_DEPTH = 64  # below that every cgroup counts as root's
_OTHERS_MAY_WRITE = 0o022
_MAX_FOLDERS = 20_000
_WALK_PAUSE_S = 1.0


def memory_cgroup(pid: int, root: Path = Path("/")) -> str | None:
    """The path of a process's memory cgroup, or None if the process has ended.

    It is in the v1 line that names `memory`, else in the v2 line. In a cgroup namespace the
    path is relative to the namespace's root and may start with "/..". Source: cgroups(7).
    """
    try:
        rows = _rows(pid, root)
    except (FileNotFoundError, ProcessLookupError):
        return None
    unified: str | None = None
    for number, controllers, path in rows:
        if b"memory" in controllers.split(b","):
            return os.fsdecode(path)
        if number == b"0" and not controllers:
            unified = os.fsdecode(path)
    if unified is not None and unified.endswith(_DELETED) and not _lives(pid, root):
        return unified.removesuffix(_DELETED)
    return unified


def _lives(pid: int, root: Path) -> bool:
    """Whether it has a living thread: its cgroup is not removed then.

    On v2 the kernel marks a removed cgroup, which may still have zombies. Where a process
    lives, the mark is part of the name that its cgroup was given.
    """
    stat = read_stat(living_thread(pid, root / "proc"), root / "proc")
    return stat is not None and stat.state not in "ZX"


def v1_cgroup(pid: int, controller: str, root: Path = Path("/")) -> str:
    """The path of a process's cgroup of a v1 controller; "" if it has none, or is gone."""
    try:
        rows = _rows(pid, root)
    except OSError as error:
        is_exhausted(error)
        return ""
    for _number, controllers, path in rows:
        if controller.encode() in controllers.split(b","):
            return os.fsdecode(path)
    return ""


def _rows(pid: int, root: Path) -> Iterator[tuple[bytes, bytes, bytes]]:
    """The number, controllers and path of each hierarchy in /proc/PID/cgroup."""
    raw = read_start(str(root / f"proc/{pid}/cgroup"), _ROWS * PATH_LIMIT)
    return map(_row, raw.removesuffix(b"\n").split(b"\n", _ROWS)[:_ROWS])


def _row(line: bytes) -> tuple[bytes, bytes, bytes]:
    number, _, rest = line.partition(b":")
    controllers, _, path = rest.partition(b":")
    return number, controllers, path


class CgroupPaths:
    """Resolves the ids of memory cgroups to paths, and back.

    An id that the kernel reported is cached, so that a cgroup removed meanwhile still has
    its path. An unknown one is opened by handle; if that is not allowed, the tree is walked,
    at most 20,000 folders and once a second.
    """

    def __init__(
        self, hierarchy: MemoryHierarchy, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._mount = hierarchy.mount
        # A mount root such as "/.." lies above our namespace: paths then start at the mount.
        self._prefix = "" if ".." in hierarchy.root else hierarchy.root.rstrip("/")
        self._mount_root = hierarchy.root
        self._clock = clock
        self._cache: OrderedDict[int, str] = OrderedDict()
        self._walked_at: float | None = None
        self._handles: KernfsHandles | None = None
        try:
            self._handles = KernfsHandles(self._mount)
            # Only a correct answer shows that handles work here: a file system without them
            # may report that the node was removed.
            if self._handles.folder(self._mount.stat().st_ino) != "/":
                self._drop_handles()
        except OSError:
            self._drop_handles()

    def learn(self, cgroup_id: int, path: str) -> None:
        """Cache a pair the kernel reported, of the memory hierarchy only: v1 ids repeat."""
        self._cache[cgroup_id] = path
        self._cache.move_to_end(cgroup_id)
        if len(self._cache) > _CACHED_PATHS:
            self._cache.popitem(last=False)

    def path(self, cgroup_id: int) -> str | None:
        """The cgroup's path, cleaned for display; None if the id is unknown or removed."""
        known = self._cache.get(cgroup_id)
        if known is None:
            known = self._look_up(cgroup_id)
            if known is None:
                return None
            self.learn(cgroup_id, known)
        return clean(os.fsencode(known), PATH_LIMIT)

    def id(self, path: str) -> int | None:
        """The id of the cgroup at this path; None if there is none below the mount."""
        folder = self.folder(path)
        if folder is None:
            return None
        try:
            return folder.stat().st_ino
        except OSError:
            return None

    def folder(self, path: str) -> Path | None:
        """The folder with a cgroup's files; None if it is outside what is mounted here."""
        below = _below(path, self._mount_root)
        return None if below is None else self._mount / below

    def given_part(self, path: str) -> tuple[str, int]:
        """The part of a path whose names its cgroup's owner cannot have chosen, and the owner.

        It ends with the first cgroup that was delegated: whose folder belongs to an ordinary
        user, or may be written by a group or everyone. The owner is 0 if there is none. What
        is not visible here counts as root's.
        """
        below = _below(path, self._mount_root)
        names = below.split("/")[:_MAX_DEPTH] if below else []
        above = "".join(f"/{name}" for name in _split(self._mount_root))
        at = ""
        for name in names:
            at = f"{at}/{name}"
            try:
                status = os.lstat(f"{self._mount}{at}")
            except OSError:
                continue
            if status.st_uid not in (0, os.geteuid()) or status.st_mode & _OTHERS_MAY_WRITE:
                return above + at, status.st_uid
        return path, 0

    def shed(self) -> None:
        """Forget the paths that are known; they are looked up again."""
        self._cache.clear()

    def close(self) -> None:
        self._drop_handles()

    def _look_up(self, cgroup_id: int) -> str | None:
        if self._handles is not None:
            try:
                below = self._handles.folder(cgroup_id)
                return None if below is None else self._path_of(below)
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    return None  # of a path that is too long, or without a descriptor
                self._drop_handles()  # the capability was dropped; the walk needs none
        now = self._clock()
        if self._walked_at is not None and now - self._walked_at < _WALK_PAUSE_S:
            return None
        self._walked_at = now
        found: str | None = None
        for node_id, below in _walk(self._mount):
            path = self._path_of(below)
            if node_id == cgroup_id:
                found = path
            elif node_id not in self._cache:
                self.learn(node_id, path)
        return found

    def _path_of(self, below: str) -> str:
        return (self._prefix or "/") if below == "/" else self._prefix + below

    def _drop_handles(self) -> None:
        if self._handles is not None:
            self._handles.close()
            self._handles = None


def _walk(mount: Path) -> Iterator[tuple[int, str]]:
    """(id, path below the mount), breadth first, bounded; folders may vanish meanwhile."""
    try:
        yield mount.stat().st_ino, "/"
    except OSError:
        return
    queue = [""]
    seen = 0
    for below in queue:
        try:
            with os.scandir(f"{mount}{below}") as entries:
                for entry in entries:
                    if not entry.is_dir(follow_symlinks=False):
                        continue
                    seen += 1
                    if seen > _MAX_FOLDERS:
                        return
                    path = f"{below}/{entry.name}"
                    queue.append(path)
                    yield entry.inode(), path
        except OSError:
            continue


def _below(path: str, mount_root: str) -> str | None:
    """`path` relative to `mount_root`, both relative to our cgroup namespace's root."""
    ours, theirs = _split(path), _split(mount_root)
    if ours[: len(theirs)] != theirs:
        return None
    rest = ours[len(theirs) :]
    return None if ".." in rest else "/".join(rest)


def _split(path: str) -> list[str]:
    return [part for part in path.split("/") if part]
