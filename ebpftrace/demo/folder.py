"""The demo's folder with a lock and the jobs' files; removal of a killed demo's leftovers.

A running demo holds a lock on `lock` in its folder. The kernel releases it however the
process ends, so a folder whose lock is free, and a cgroup without such a folder, are
leftovers.
"""

import fcntl
import os
import re
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from ebpftrace.demo.cgroups import PREFIX, Cgroup
from ebpftrace.host.mounts import MemoryHierarchy, mounts

_CANDIDATES = (Path("/dev/shm"), Path("/run"))


def choose_base(root: Path = Path("/")) -> tuple[Path, bool]:
    """A folder for temporary files, and whether it is a tmpfs.

    gopls' leak (files replaced by rename) needs inode numbers that are not reused at
    once: so on tmpfs, but not on ext4.
    """
    tmpfs = {mount.point for mount in mounts(root) if mount.fstype == "tmpfs"}
    for base in _CANDIDATES:
        if str(base) in tmpfs and os.access(base, os.W_OK):
            return base, True
    return Path(tempfile.gettempdir()), False


class Folder:
    """A locked folder `ebpftrace-demo-PID`; removed on leaving the context."""

    def __init__(self, base: Path) -> None:
        # Locked under another name first: a demo that starts meanwhile must not take the
        # new folder for a leftover.
        new = Path(tempfile.mkdtemp(prefix=".ebpftrace-new-", dir=base))
        self._lock = os.open(new / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.path = new.rename(base / f"{PREFIX}{os.getpid()}")

    def __enter__(self) -> "Folder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def remove_leftovers(base: Path, hierarchy: MemoryHierarchy) -> list[str]:
    """Remove folders and cgroups of demos that are not running; returns their names."""
    removed: list[str] = []
    for path in sorted(base.glob(f"{PREFIX}*")):
        if path.lstat().st_uid == os.geteuid() and not _is_locked(path):
            shutil.rmtree(path, ignore_errors=True)
            removed.append(path.name)
    for path in sorted(hierarchy.mount.glob(f"{PREFIX}*")):
        match = re.fullmatch(rf"({PREFIX}\d+)-[a-z]+", path.name)
        if match and not _is_locked(base / match[1]) and Cgroup(hierarchy, path.name).remove():
            removed.append(path.name)
    return removed


def _is_locked(folder: Path) -> bool:
    try:
        lock = os.open(folder / "lock", os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
