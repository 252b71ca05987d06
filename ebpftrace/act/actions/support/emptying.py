"""Remove what is in a folder: on its own file system, and never through a symlink.

Every step down is taken from the folder above by `openat` with O_NOFOLLOW.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event

from ebpftrace.host.using import FileId

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_DEPTH = 64
_MOST_FOLDERS = 256
"""Whose names are kept at each depth; the others come once some of these are gone."""

Keep = Callable[[os.stat_result], bool]
"""Whether to keep this entry."""


class RefusedFolderError(OSError):
    """This folder is not the job's, or a symlink is on its path."""


def open_owned(folder: Path, under: tuple[Path, ...], user: int) -> int:
    """A descriptor of `folder`, which is below one of `under` and owned by `user`.

    OSError if there is no such folder, a symlink is on its path, or another user owns it.
    """
    for root in under:
        if not folder.is_relative_to(root) or ".." in folder.parts or folder == root:
            continue
        fd = os.open(root, _FOLDER)
        for part in folder.relative_to(root).parts:
            try:
                below = os.open(part, _FOLDER, dir_fd=fd)
            finally:
                os.close(fd)
            fd = below
        if os.fstat(fd).st_uid != user:
            os.close(fd)
            raise RefusedFolderError(None, "it belongs to another user")
        return fd
    raise RefusedFolderError(None, "it is outside the folders of the policy")


def keep_nothing(_status: os.stat_result) -> bool:
    return False


def remove_contents(
    fd: int,
    user: int,
    device: int,
    cancelled: Event,
    keep: Keep = keep_nothing,
    excluded: frozenset[FileId] = frozenset(),
    depth: int = 0,
) -> Iterator[int]:
    """Remove what is in an open folder; yields the bytes of each removed file.

    Entries that `keep` selects, of another user, or on another file system stay; so do
    `excluded` folders with all their contents.
    """
    if depth > _MAX_DEPTH:
        return
    more = True
    while more:
        folders: list[tuple[str, os.stat_result]] = []
        more = False
        with os.scandir(fd) as entries:  # one at a time: there may be millions
            for entry in entries:
                if cancelled.is_set():
                    return
                try:
                    status = os.stat(entry.name, dir_fd=fd, follow_symlinks=False)
                    if status.st_uid != user or status.st_dev != device:
                        continue
                    if (status.st_dev, status.st_ino) in excluded:
                        continue
                    if stat.S_ISDIR(status.st_mode):
                        more = len(folders) == _MOST_FOLDERS
                        if not more:
                            folders.append((entry.name, status))
                    elif not keep(status):
                        os.unlink(entry.name, dir_fd=fd)
                        yield status.st_blocks * 512
                except OSError:
                    continue  # removed meanwhile, or replaced by something else
        removed = False
        for name, status in folders:
            try:
                below = os.open(name, _FOLDER, dir_fd=fd)
            except OSError:
                continue
            try:
                if os.fstat(below).st_dev == device:
                    yield from remove_contents(
                        below, user, device, cancelled, keep, excluded, depth + 1
                    )
            finally:
                os.close(below)
            if not keep(status):
                with suppress(OSError):  # something in it is kept
                    os.rmdir(name, dir_fd=fd)
                    removed = True
        more = more and removed and not cancelled.is_set()
