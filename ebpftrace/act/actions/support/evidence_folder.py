"""The folder that evidence is saved in: trusted, written to, and synced to the disk."""

import contextlib
import os
from pathlib import Path

from ebpftrace.trusted import TrustedFolder

_trusted: dict[Path, tuple[int, ...]] = {}  # folders that were looked at: what they were


def require_trusted(folder: Path) -> None:
    """UntrustedError if another user could replace the folder; it is made if there is none.

    Where one was trusted before and is the same now, only root can have changed the way to it:
    that is not looked at again, since a hook waits for the evidence.
    """
    with contextlib.suppress(FileNotFoundError):
        if _trusted.get(folder) == _kind_of(folder):
            return
    TrustedFolder.open("the evidence in", folder, make=True, sticky=True).close()
    _trusted[folder] = _kind_of(folder)


def _kind_of(folder: Path) -> tuple[int, ...]:
    status = folder.stat()
    return status.st_dev, status.st_ino, status.st_uid, status.st_gid, status.st_mode


def write_file(path: str, raw: bytes) -> None:
    """A new file, without a file object: a hook waits for some forty. OSError."""
    left = memoryview(raw)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        while left:
            left = left[os.write(fd, left) :]
    finally:
        os.close(fd)


def sync_files(folder: Path) -> None:
    """Sync all files at once, then the folder: one by one, each would wait for a commit.

    POSIX_FADV_DONTNEED starts to write a file out and does not wait.
    """
    with contextlib.ExitStack() as stack:
        fds = []
        for entry in folder.iterdir():
            fds.append(os.open(entry, os.O_RDONLY | os.O_CLOEXEC))
            stack.callback(os.close, fds[-1])
        for fd in fds:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        for fd in fds:
            os.fdatasync(fd)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder. OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
