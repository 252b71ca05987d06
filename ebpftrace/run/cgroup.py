"""The memory cgroup of one command: made before it starts, removed when it is empty.

Source: cgroups(7), Documentation/admin-guide/cgroup-v2.rst.
"""

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ebpftrace.errors import EbpftraceError
from ebpftrace.host.cgroups import CgroupPaths, memory_cgroup
from ebpftrace.host.mounts import MemoryHierarchy, memory_hierarchy

_NAME = re.compile(r"ebpftrace-run-([0-9]{1,7})")
_UNLIMITED = 1 << 62
_REFUSALS = {errno.EACCES: "no right to make one", errno.EPERM: "no right to make one",
             errno.EROFS: "/sys/fs/cgroup is read-only"}  # fmt: skip


class NoCgroupError(Exception):
    """No memory cgroup can be made here; its text says why."""


class CommandCgroup:
    """A memory cgroup that only this command and what it starts are in.

    `path` is within the memory hierarchy. A counter that this kernel does not have is None.
    """

    def __init__(self, path: str, folder: Path, *, unified: bool) -> None:
        self.path = path
        self.folder = folder
        self._unified = unified

    @property
    def procs(self) -> Path:
        """The file that a process writes 0 to in order to enter."""
        return self.folder / "cgroup.procs"

    def limit(self, limit_bytes: int) -> None:
        """Set the limit on memory. OSError."""
        name = "memory.max" if self._unified else "memory.limit_in_bytes"
        _write(self.folder / name, str(limit_bytes))

    @property
    def peak_bytes(self) -> int | None:
        """The highest charge, page cache included."""
        return self._number("memory.peak" if self._unified else "memory.max_usage_in_bytes")

    @property
    def oom_kills(self) -> int | None:
        """Processes that the OOM killer ended in here and below."""
        name = "memory.events" if self._unified else "memory.oom_control"
        try:
            rows = (self.folder / name).read_text(encoding="ascii").split("\n")
        except OSError:
            return None
        counts = dict(row.split(" ", 1) for row in rows if " " in row)
        return int(counts["oom_kill"]) if "oom_kill" in counts else None

    def effective_limit_bytes(self) -> int | None:
        """The lowest limit of it and of the cgroups above that are visible here."""
        name = "memory.max" if self._unified else "memory.limit_in_bytes"
        limits = []
        for folder in (self.folder, *self.folder.parents):
            limit = _number(folder / name)
            if limit is not None and limit < _UNLIMITED:
                limits.append(limit)
            if not (folder / "cgroup.procs").exists():
                break
        return min(limits, default=None)

    def pids(self) -> list[int]:
        """The processes in it and in the cgroups below."""
        found: list[int] = []
        for folder, _, _ in os.walk(self.folder):
            with contextlib.suppress(OSError):
                text = (Path(folder) / "cgroup.procs").read_text(encoding="ascii")
                found += [int(word) for word in text.split()]
        return found

    def remove(self) -> bool:
        """Remove it if it is empty, with the cgroups below; whether it is gone."""
        for folder, _, _ in os.walk(self.folder, topdown=False):
            try:
                Path(folder).rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                return False
        return True

    def _number(self, name: str) -> int | None:
        return _number(self.folder / name)


def make_cgroup(root: Path = Path("/")) -> CommandCgroup:
    """A cgroup for a command of this process. NoCgroupError says why there is none.

    On v1 it is below our own. On v2 a cgroup with processes has no memory cgroups below
    it, so it is beside our own, or below it where that is the root of all.
    """
    try:
        hierarchy = memory_hierarchy(root)
    except EbpftraceError as error:
        raise NoCgroupError(error.why) from error
    own = memory_cgroup(os.getpid(), root)
    if own is None:
        raise NoCgroupError("/proc does not say which cgroup this is")
    failure = NoCgroupError("its own cgroup is not mounted here")
    unified = hierarchy.version == "v2"
    for above in _parents(own) if unified else (own,):
        folder = _folder(hierarchy, above)
        if folder is None:
            continue
        try:
            return _made(above, folder, unified=unified)
        except OSError as error:
            failure = NoCgroupError(
                _REFUSALS.get(error.errno or 0, error.strerror or str(error))
            )
        except NoCgroupError as error:
            failure = error
    raise failure


def _made(above: str, folder: Path, *, unified: bool) -> CommandCgroup:
    if unified and not _hands_memory_down(folder):
        raise NoCgroupError(f"the cgroup {above} hands the memory controller to none below it")
    _remove_left(folder)
    name = f"ebpftrace-run-{os.getpid()}"
    made = folder / name
    made.mkdir()
    return CommandCgroup(f"{above.rstrip('/')}/{name}", made, unified=unified)


def _parents(own: str) -> Iterator[str]:
    yield own.rpartition("/")[0] or "/"
    yield own


def _folder(hierarchy: MemoryHierarchy, path: str) -> Path | None:
    paths = CgroupPaths(hierarchy)
    try:
        return paths.folder(path)
    finally:
        paths.close()


def _hands_memory_down(folder: Path) -> bool:
    control = folder / "cgroup.subtree_control"
    try:
        if "memory" in control.read_text(encoding="ascii").split():
            return True
        _write(control, "+memory")
    except OSError:
        return False
    return True


def _remove_left(folder: Path) -> None:
    """Remove those that earlier runs left behind, since processes were still in them."""
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            found = _NAME.fullmatch(entry.name)
            if found and not Path(f"/proc/{found[1]}").exists():
                with contextlib.suppress(OSError):
                    entry.rmdir()


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None  # not there, or "max"


def _write(file: Path, text: str) -> None:
    with file.open("w", encoding="ascii") as out:
        out.write(text)
