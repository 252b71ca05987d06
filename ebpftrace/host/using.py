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
from ebpftrace.host.proc import Stat, living_thread, read_environ, read_stat
from ebpftrace.text import PATH_LIMIT

FileId = tuple[int, int]
"""Device and inode."""

_Resolved = dict[tuple[object, str], FileId | None]

_KTHREADD = 2

MOST_PARTS = 256
"""Of a path, below which no folder is looked for: each is looked up from the root on."""

_MOST_RESOLVED = 512


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
        status = os.stat(path)  # noqa: PTH116 - a Path of many parts takes long to make
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
        if stat is None or _KTHREADD in (stat.pid, stat.parent_pid):
            continue
        thread = living_thread(stat.pid, proc, known=stat)
        if thread == stat.pid and stat.state in "ZX":
            continue
        found: dict[FileId, set[FileId]] = {}
        process = _Process(thread, proc, wanted, resolved)
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
    """One process, by a thread that has not ended, as the first one may have.

    `resolved` caches paths by mount namespace and root directory.
    """

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
        """Its directory, its executable, and its open files, on the wanted file systems."""
        for link in self._links():
            file = cached_file_id(link)  # its file system may hang
            if file is not None and file[0] in self._devices:
                try:
                    yield file, str(Path(link).readlink())
                except OSError:
                    continue  # closed meanwhile

    def _links(self) -> Iterator[str]:
        """One after the other: there may be a million."""
        yield from (f"{self._proc}/cwd", f"{self._proc}/exe")
        with contextlib.suppress(OSError), os.scandir(f"{self._proc}/fd") as entries:
            yield from (entry.path for entry in entries)

    def above(self, path: str, *, link: bool = False) -> Iterator[FileId]:
        """The wanted folders among a path and those it is in, from the root on.

        A link of /proc is written as we see it, a variable as the process sees it.
        """
        ours = link and self._ours
        end = 0
        for _ in range(MOST_PARTS):
            if not path.startswith("/", end):
                return
            end = path.find("/", end + 1)
            folder = self._looked_up(path if end < 0 else path[:end], ours)
            if folder is None:  # nor is there anything below it
                return
            if folder in self._wanted:
                yield folder

    def _looked_up(self, path: str, ours: bool) -> FileId | None:
        key = (None if ours else self._view, path)
        if key not in self._resolved:
            if len(self._resolved) >= _MOST_RESOLVED:
                self._resolved.clear()
            self._resolved[key] = file_id(path if ours else self._root + path)
        return self._resolved[key]
