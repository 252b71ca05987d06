"""Remove what is in a folder: on its own file system, and never through a symlink.

Every step down is taken from the folder above by `openat` with O_NOFOLLOW.
"""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

from ebpftrace.host.using import FileId

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_DEPTH = 64

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
    for name in os.listdir(fd):
        if cancelled.is_set():
            return
        try:
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if status.st_uid != user or status.st_dev != device:
                continue
            if (status.st_dev, status.st_ino) in excluded:
                continue
            kept = keep(status)
            if not stat.S_ISDIR(status.st_mode):
                if not kept:
                    os.unlink(name, dir_fd=fd)
                    yield status.st_blocks * 512
                continue
            below = os.open(name, _FOLDER, dir_fd=fd)
        except OSError:
            continue  # removed meanwhile, or replaced by something else
        try:
            if os.fstat(below).st_dev == device:
                yield from remove_contents(
                    below, user, device, cancelled, keep, excluded, depth + 1
                )
        finally:
            os.close(below)
        if not kept:
            try:
                os.rmdir(name, dir_fd=fd)
            except OSError:
                continue  # something in it is kept
