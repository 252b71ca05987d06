"""Where a process keeps its files, as its environment says: asked while it still lives."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ebpftrace.errors import NotPermittedError
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc
from ebpftrace.host.using import FileId, file_id

VARIABLES = ("GOPLSCACHE", "GOCACHE", "TMPDIR")
_PATH_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class CacheDir:
    """A folder that a variable names. `id` tells it from another of the same path.

    What a path means depends on who reads it: a container has folders of its own.
    """

    variable: str
    path: str
    id: FileId


@dataclass(frozen=True, slots=True)
class CacheDirs:
    """The folders, whose process it is (user id), and its ancestors.

    What it started from is there to start another: a shell or an editor has the same
    variables, and is not who fills these folders.
    """

    folders: tuple[CacheDir, ...] = ()
    user: int = -1
    ancestors: frozenset[ProcessKey] = frozenset()  # to the tick that /proc tells


NO_CACHE_DIRS = CacheDirs()


def places_of(pid: int) -> CacheDirs:
    """Of a living process; nothing where it cannot be read any more."""
    try:
        environ = proc.read_environ(pid)
        user = Path(f"/proc/{pid}").stat().st_uid
    except (NotPermittedError, OSError):
        return NO_CACHE_DIRS
    found = []
    for name in VARIABLES:
        path = "" if environ is None else environ.get(name, _PATH_LIMIT)
        if path.startswith("/") and (place := file_id(f"/proc/{pid}/root{path}")):
            found.append(CacheDir(name, path, place))
    return CacheDirs(tuple(found), user, frozenset(_ancestors(pid)))


def _ancestors(pid: int) -> Iterator[ProcessKey]:
    stat = proc.read_stat(pid)
    while stat is not None and stat.parent_pid > 0:
        stat = proc.read_stat(stat.parent_pid)
        if stat is not None:
            yield ProcessKey(stat.pid, stat.start_boottime_ns)
