"""A folder is emptied: on its own file system, and never through a symlink.

Every step down is taken from the folder above by `openat` with O_NOFOLLOW.
"""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

from ebpftrace.host.using import FileId

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 64

Spared = Callable[[os.stat_result], bool]
"""Whether this entry stays."""


class RefusedFolderError(OSError):
    """This folder is not the job's, or a symlink is on its way."""


def open_owned(folder: Path, under: tuple[Path, ...], user: int) -> int:
    """A descriptor of `folder`, below one of `under` and owned by `user`.

    OSError where it is not there, a symlink is on its way, or it is somebody else's.
    """
    for root in under:
        if not folder.is_relative_to(root) or ".." in folder.parts or folder == root:
            continue
        fd = os.open(root, FOLDER)
        for part in folder.relative_to(root).parts:
            try:
                below = os.open(part, FOLDER, dir_fd=fd)
            finally:
                os.close(fd)
            fd = below
        if os.fstat(fd).st_uid != user:
            os.close(fd)
            raise RefusedFolderError(None, "it is not the job's own")
        return fd
    raise RefusedFolderError(None, "it is outside the folders of the policy")


def spare_none(_status: os.stat_result) -> bool:
    """Nothing stays."""
    return False


def empty(
    fd: int,
    user: int,
    device: int,
    cancelled: Event,
    spared: Spared = spare_none,
    apart: frozenset[FileId] = frozenset(),
    depth: int = 0,
) -> Iterator[int]:
    """Removes what is in an open folder; yields the bytes of each file.

    What is `spared`, belongs to another user, or is on another file system, stays; folders
    that are `apart` stay with all that is in them.
    """
    if depth > _DEEPEST:
        return
    for name in os.listdir(fd):
        if cancelled.is_set():
            return
        try:
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if status.st_uid != user or status.st_dev != device:
                continue
            if (status.st_dev, status.st_ino) in apart:
                continue
            stays = spared(status)
            if not stat.S_ISDIR(status.st_mode):
                if not stays:
                    os.unlink(name, dir_fd=fd)
                    yield status.st_blocks * 512
                continue
            below = os.open(name, FOLDER, dir_fd=fd)
        except OSError:
            continue  # removed meanwhile, or it became something else
        try:
            if os.fstat(below).st_dev == device:
                yield from empty(below, user, device, cancelled, spared, apart, depth + 1)
        finally:
            os.close(below)
        if not stays:
            try:
                os.rmdir(name, dir_fd=fd)
            except OSError:
                continue  # something in it stays
