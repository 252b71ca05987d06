"""The cache directories of a process, as its environment names them while it lives."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ebpftrace.errors import NotPermittedError
from ebpftrace.events import ProcessKey
from ebpftrace.host.bounded import bounded_file
from ebpftrace.host.proc import PROC, read_environ, read_stat
from ebpftrace.host.using import FileId, file_id
from ebpftrace.text import PATH_LIMIT

CACHE_VARIABLES = ("GOPLSCACHE", "GOCACHE", "TMPDIR")


@dataclass(frozen=True, slots=True)
class CacheDir:
    """A folder that a variable names. `id` is the folder the process meant by that path.

    In another mount namespace the same path is another folder.
    """

    variable: str
    path: str
    id: FileId


@dataclass(frozen=True, slots=True)
class CacheDirs:
    """The cache directories of a process, its user id, and its ancestors.

    Its ancestors often have the same variables (a shell, an editor), but do not fill these
    folders: they only pass the variables on.
    """

    folders: tuple[CacheDir, ...] = ()
    user: int = -1
    ancestors: frozenset[ProcessKey] = frozenset()  # start times to the clock tick


NO_CACHE_DIRS = CacheDirs()


def cache_dirs_of(pid: int, proc: Path = PROC) -> CacheDirs:
    """Those of a living process; none where they cannot be read any more.

    A folder whose file system does not answer is left out.
    """
    try:
        environ = read_environ(pid, proc)
        user = (proc / str(pid)).stat().st_uid
    except (NotPermittedError, OSError):
        return NO_CACHE_DIRS
    found = []
    for variable in CACHE_VARIABLES:
        path = "" if environ is None else environ.get(variable, PATH_LIMIT)
        if not path.startswith("/"):
            continue
        folder = bounded_file(pid, partial(file_id, f"{proc}/{pid}/root{path}"))
        if folder is not None:
            found.append(CacheDir(variable, path, folder))
    return CacheDirs(tuple(found), user, frozenset(_ancestors(pid, proc)))


def _ancestors(pid: int, proc: Path) -> Iterator[ProcessKey]:
    stat = read_stat(pid, proc)
    while stat is not None and stat.parent_pid > 0:
        stat = read_stat(stat.parent_pid, proc)
        if stat is not None:
            yield ProcessKey(stat.pid, stat.start_boottime_ns)
