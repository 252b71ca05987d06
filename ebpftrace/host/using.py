"""Who uses a folder: by a variable that names it, by what it runs, stands in or has open.

Looks at every process of the machine: for what is rare, never for a tick. Folders are told
by device and inode, so that a process in another mount namespace is understood too.
Source: proc_pid_fd(5), proc_pid_cwd(5), proc_pid_root(5).
"""

import contextlib
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ebpftrace.errors import NotPermittedError
from ebpftrace.host import proc
from ebpftrace.host.cgroups import memory_cgroup
from ebpftrace.host.proc import Stat

FileId = tuple[int, int]
"""Device and inode."""

Known = dict[tuple[object, str], FileId | None]

_PATH_LIMIT = 4096
_KTHREADD = 2


@dataclass(frozen=True, slots=True)
class User:
    """A living process that uses folders, and what it holds in each of them."""

    stat: Stat
    cgroup: str
    folders: dict[FileId, frozenset[FileId]]


def file_id(path: str | Path) -> FileId | None:
    """Of what a path leads to; None if that is nothing, or not to be seen."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def processes_using(folders: Collection[FileId], variables: Sequence[str]) -> Iterator[User]:
    """Every process that uses one of the folders, or one below it."""
    wanted = frozenset(folders)
    known: Known = {}
    for entry in os.scandir("/proc"):
        stat = proc.read_stat(int(entry.name)) if entry.name.isdigit() else None
        if stat is None or stat.state in "ZX" or _KTHREADD in (stat.pid, stat.parent_pid):
            continue
        found: dict[FileId, set[FileId]] = {}
        look = _Look(stat.pid, wanted, known)
        for path in look.named(variables):
            for folder in look.above(path):
                found.setdefault(folder, set())
        for file, path in look.held():
            for folder in look.above(path, link=True):
                found.setdefault(folder, set()).add(file)
        if found:
            cgroup = memory_cgroup(stat.pid) or ""
            yield User(stat, cgroup, {name: frozenset(held) for name, held in found.items()})


class _Look:
    """At one process. `known` remembers what a path is, by whose root, and path."""

    def __init__(
        self,
        pid: int,
        wanted: frozenset[FileId],
        known: Known,
    ) -> None:
        self._proc = Path(f"/proc/{pid}")
        self._pid = pid
        self._wanted = wanted
        self._devices = {device for device, _inode in wanted}
        self._known = known
        namespace = file_id(self._proc / "ns/mnt")
        self._root = f"{self._proc}/root"
        self._view = (namespace, file_id(self._root))
        self._ours = namespace == file_id("/proc/self/ns/mnt")

    def named(self, variables: Sequence[str]) -> Iterator[str]:
        try:
            environ = proc.read_environ(self._pid)
        except NotPermittedError:
            return
        for name in variables:
            path = "" if environ is None else environ.get(name, _PATH_LIMIT)
            if path.startswith("/"):
                yield path

    def held(self) -> Iterator[tuple[FileId, str]]:
        """What it runs, where it is, and what it has open on these file systems."""
        links = [self._proc / "cwd", self._proc / "exe"]
        with contextlib.suppress(OSError):  # it has just ended
            links += (self._proc / "fd").iterdir()
        for link in links:
            file = file_id(link)
            if file is not None and file[0] in self._devices:
                try:
                    yield file, str(link.readlink())
                except OSError:
                    continue  # closed meanwhile

    def above(self, path: str, *, link: bool = False) -> Iterator[FileId]:
        """The folders that this is in, or is.

        A link of /proc is told as we see it, a variable as the process does.
        """
        ours = link and self._ours
        while path.startswith("/"):
            key = (None if ours else self._view, path)
            if key not in self._known:
                self._known[key] = file_id(path if ours else self._root + path)
            folder = self._known[key]
            if folder is not None and folder in self._wanted:
                yield folder
            path = path.rpartition("/")[0]
