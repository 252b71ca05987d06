"""What ended gopls left in temporary folders: sockets of daemons, folders, profiles.

Source: gopls' internal/lsprpc/autostart_posix.go (sockets), internal/cache/snapshot.go and
internal/golang/compileropt.go (folders), internal/server/command.go (profiles).
"""

import contextlib
import errno
import os
import re
import socket
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from threading import Event
from typing import NamedTuple

from ebpftrace.act.actions.support.emptying import remove_contents
from ebpftrace.doctor.check import CheckResult, CheckState
from ebpftrace.host.using import FileId, processes_using
from ebpftrace.text import clean

_AREA = "gopls"
_SOCKET = re.compile(r"gopls-[0-9a-f]{6}-daemon\..{1,64}", re.DOTALL)
_TEMPORARY = re.compile(
    r"gopls-tempmod[0-9]{1,10}|gopls-[0-9]{1,10}\.details[0-9]{1,10}|gopls-profile-[0-9]{1,10}"
)
_MOST_LOOKED_AT, _MOST = 65_536, 256
_QUIET_S = 3600  # a gopls that has just started may not be seen yet
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Used = Callable[[Sequence[FileId]], set[FileId]]


class LeftBehind(NamedTuple):
    """An entry that no process uses. `id` is its device and inode."""

    folder: Path
    name: str
    id: FileId
    user: int
    is_socket: bool


def temporary_folders() -> list[Path]:
    """Where sockets and temporary files are by default."""
    return [Path("/tmp"), Path("/var/tmp"), *sorted(Path("/run/user").glob("[0-9]*"))]


def used_by_processes(files: Sequence[FileId]) -> set[FileId]:
    """Those that a process has open, runs, or is in."""
    if not files:
        return set()
    return {file for user in processes_using(files, ()) for file in user.folders}


def left_behind(
    folders: Iterable[Path],
    users: Callable[[], frozenset[int]],
    used: Used = used_by_processes,
    now_s: Callable[[], float] = time.time,
) -> list[LeftBehind]:
    """Sockets that no process listens at; of users without a running gopls also folders and
    files that no process has open and that are older than an hour.

    `users` are those with a running gopls, which uses folders by their paths; they are asked
    for only if there is such a folder.
    """
    found: list[LeftBehind] = []
    for folder in folders:
        with contextlib.suppress(OSError), _opened(folder) as fd:
            found += islice(_in_folder(folder, fd, now_s()), _MOST)
    if all(each.is_socket for each in found):
        return found
    kept, running = used([each.id for each in found if not each.is_socket]), users()
    return [
        each
        for each in found
        if each.is_socket or (each.id not in kept and each.user not in running)
    ]


def remove(entries: Iterable[LeftBehind], used: Used = used_by_processes) -> list[LeftBehind]:
    """Remove them, if they are what they were and still nothing uses them; what was removed.

    No symlink is followed, and nothing of another user or on another file system is touched.
    """
    removed = []
    entries = list(entries)
    kept = used([each.id for each in entries if not each.is_socket])
    for each in entries:
        if each.id in kept:
            continue
        with contextlib.suppress(OSError), _opened(each.folder) as fd:
            if _remove(each, fd):
                removed.append(each)
    return removed


def check_left_behind(
    entries: Sequence[LeftBehind], removed: Sequence[LeftBehind]
) -> Iterator[CheckResult]:
    """What is there, and what was removed of it."""
    if removed:
        seen = f"removed what ended gopls left: {_listed(removed)}"
        yield CheckResult(_AREA, "left behind", CheckState.OK, seen)
    if left := [each for each in entries if each not in removed]:
        yield CheckResult(
            _AREA, "left behind", CheckState.WARNING,
            f"ended gopls left {_listed(left)}",
            "no process uses them, and no gopls will remove them",
            "sudo ebpftrace doctor --fix",
        )  # fmt: skip


def _listed(entries: Sequence[LeftBehind]) -> str:
    sockets = sum(each.is_socket for each in entries)
    others = len(entries) - sockets
    counts = [
        f"{number} {noun}{'' if number == 1 else 's'}"
        for number, noun in ((sockets, "socket"), (others, "temporary entry"))
        if number
    ]
    names = ", ".join(clean(f"{each.folder}/{each.name}", 100) for each in entries[:3])
    more = ", …" if len(entries) > 3 else ""
    return f"{' and '.join(counts).replace('entrys', 'entries')}: {names}{more}"


def _in_folder(folder: Path, fd: int, now_s: float) -> Iterator[LeftBehind]:
    with os.scandir(fd) as entries:
        for count, entry in enumerate(entries):
            if count == _MOST_LOOKED_AT:
                return
            is_socket = _SOCKET.fullmatch(entry.name) is not None
            if not is_socket and not _TEMPORARY.fullmatch(entry.name):
                continue
            try:
                status = os.stat(entry.name, dir_fd=fd, follow_symlinks=False)
            except OSError:  # gone, or another user's mount: that hides nothing of others
                continue
            if is_socket:
                stale = _is_refused(status, entry.name, fd)
            else:
                kind = stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)
                newest = max(status.st_mtime, status.st_ctime)
                stale = kind and newest < now_s - _QUIET_S
            if stale:
                file = (status.st_dev, status.st_ino)
                yield LeftBehind(folder, entry.name, file, status.st_uid, is_socket)


def _is_refused(status: os.stat_result, name: str, fd: int) -> bool:
    """Whether it is a socket that no process listens at, in any namespace."""
    if not stat.S_ISSOCK(status.st_mode):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.setblocking(False)
        return client.connect_ex(f"/proc/self/fd/{fd}/{name}") == errno.ECONNREFUSED


def _remove(each: LeftBehind, fd: int) -> bool:
    """OSError if it cannot be removed."""
    status = os.stat(each.name, dir_fd=fd, follow_symlinks=False)
    if (status.st_dev, status.st_ino) != each.id or status.st_uid != each.user:
        return False
    if stat.S_ISDIR(status.st_mode):
        below = os.open(each.name, _FOLDER, dir_fd=fd)
        try:
            opened = os.fstat(below)
            if (opened.st_dev, opened.st_ino) != each.id:
                return False
            for _ in remove_contents(below, each.user, opened.st_dev, Event()):
                pass
        finally:
            os.close(below)
        os.rmdir(each.name, dir_fd=fd)
        return True
    if each.is_socket and not _is_refused(status, each.name, fd):
        return False
    os.unlink(each.name, dir_fd=fd)
    return True


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    fd = os.open(folder, _FOLDER)
    try:
        yield fd
    finally:
        os.close(fd)
