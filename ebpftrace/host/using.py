"""Which processes use a folder: by a variable, or by what they run, are in, or have open.

Reads every process of the machine, so it is for rare occasions, never for a tick. Folders
are compared by device and inode, so a process in another mount namespace is found too.
Source: proc_pid_fd(5), proc_pid_cwd(5), proc_pid_root(5).
"""

import contextlib
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ebpftrace.errors import NotPermittedError
from ebpftrace.host.cached_id import cached_file_id
from ebpftrace.host.cgroups import memory_cgroup
from ebpftrace.host.proc import Stat, read_environ, read_stat
from ebpftrace.text import PATH_LIMIT

FileId = tuple[int, int]
"""Device and inode."""

_Resolved = dict[tuple[object, str], FileId | None]

_KTHREADD = 2


@dataclass(frozen=True, slots=True)
class FolderUser:
    """A living process that uses folders.

    `folders` maps each of them to the files below it that the process has open, runs, or
    is in; the set is empty if only a variable names the folder.
    """

    stat: Stat
    cgroup: str
    folders: dict[FileId, frozenset[FileId]]


def file_id(path: str | Path) -> FileId | None:
    """The file that a path leads to; None if there is none, or it cannot be seen."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def processes_using(
    folders: Collection[FileId], variables: Sequence[str], root: Path = Path("/")
) -> Iterator[FolderUser]:
    """Every process that uses one of the folders, or something below it.

    `variables` are those of the environment that name folders.
    """
    wanted = frozenset(folders)
    resolved: _Resolved = {}
    proc = root / "proc"
    for entry in os.scandir(proc):
        stat = read_stat(int(entry.name), proc) if entry.name.isdigit() else None
        if stat is None or stat.state in "ZX" or _KTHREADD in (stat.pid, stat.parent_pid):
            continue
        found: dict[FileId, set[FileId]] = {}
        process = _Process(stat.pid, proc, wanted, resolved)
        for path in process.named(variables):
            for folder in process.above(path):
                found.setdefault(folder, set())
        for file, path in process.used():
            for folder in process.above(path, link=True):
                found.setdefault(folder, set()).add(file)
        if found:
            cgroup = memory_cgroup(stat.pid, root) or ""
            yield FolderUser(
                stat, cgroup, {folder: frozenset(files) for folder, files in found.items()}
            )


class _Process:
    """One process. `resolved` caches paths by mount namespace and root directory."""

    def __init__(
        self, pid: int, proc: Path, wanted: frozenset[FileId], resolved: _Resolved
    ) -> None:
        self._all = proc
        self._proc = proc / str(pid)
        self._pid = pid
        self._wanted = wanted
        self._devices = {device for device, _inode in wanted}
        self._resolved = resolved
        namespace = file_id(self._proc / "ns/mnt")
        self._root = f"{self._proc}/root"
        self._view = (namespace, file_id(self._root))
        self._ours = namespace == file_id(proc / "self/ns/mnt")

    def named(self, variables: Sequence[str]) -> Iterator[str]:
        """Absolute paths in its environment."""
        try:
            environ = read_environ(self._pid, self._all)
        except NotPermittedError:
            return
        for name in variables:
            path = "" if environ is None else environ.get(name, PATH_LIMIT)
            if path.startswith("/"):
                yield path

    def used(self) -> Iterator[tuple[FileId, str]]:
        """Its executable, its directory, and its open files, on the wanted file systems."""
        links = [self._proc / "cwd", self._proc / "exe"]
        with contextlib.suppress(OSError):  # it has just ended
            links += (self._proc / "fd").iterdir()
        for link in links:
            file = cached_file_id(link)  # its file system may hang
            if file is not None and file[0] in self._devices:
                try:
                    yield file, str(link.readlink())
                except OSError:
                    continue  # closed meanwhile

    def above(self, path: str, *, link: bool = False) -> Iterator[FileId]:
        """The wanted folders among a path and those it is in.

        A link of /proc is written as we see it, a variable as the process sees it.
        """
        ours = link and self._ours
        while path.startswith("/"):
            key = (None if ours else self._view, path)
            if key not in self._resolved:
                self._resolved[key] = file_id(path if ours else self._root + path)
            folder = self._resolved[key]
            if folder is not None and folder in self._wanted:
                yield folder
            path = path.rpartition("/")[0]
