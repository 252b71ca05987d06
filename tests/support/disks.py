"""A disk of a few pages, to be filled, and a file on a real disk."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support.build import CACHE


@contextlib.contextmanager
def small_disk(folder: Path, size_bytes: int, inodes: int = 100) -> Iterator[Path]:
    """A tmpfs of that size, mounted for as long as needed. It needs root.

    Its own folder takes one of the inodes.
    """
    folder.mkdir()
    options = f"size={size_bytes},nr_inodes={inodes}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path, left_bytes: int = 0) -> Path:
    """Fill its file system up but for so many bytes; remove what it returns to make room."""
    filler = folder / "filler"
    status = os.statvfs(folder)
    with filler.open("wb") as file:
        file.write(bytes(status.f_bavail * status.f_frsize - left_bytes))
    return filler


@contextlib.contextmanager
def sparse_file(size_bytes: int) -> Iterator[Path]:
    """A file without blocks on a disk: /tmp may be a tmpfs, whose pages count as shmem."""
    CACHE.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=CACHE) as file:
        file.truncate(size_bytes)
        yield Path(file.name)
