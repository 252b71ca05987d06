"""clean: removes what the job's gopls, Go build cache and TMPDIR left behind.

Only below folders that the policy names, only in folders that belong to the job's user,
on the same file system, and never through a symlink: every step down is taken from the
folder above by `openat` with O_NOFOLLOW. Not while the program still runs in the job.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Annotated, Literal

from ebpftrace.act.actions.background import Background
from ebpftrace.act.actions.kind import ActionKind
from ebpftrace.act.actions.running import Ended, Running, over
from ebpftrace.act.incident import Incident
from ebpftrace.act.outcome import Status
from ebpftrace.text import clean
from ebpftrace.units import NS_PER_SECOND, format_bytes

Variable = Literal["GOPLSCACHE", "GOCACHE", "TMPDIR"]
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 64


@dataclass(frozen=True, slots=True)
class Options:
    """Of one rung."""

    under: Annotated[tuple[Path, ...], "folders of jobs: nothing outside is ever touched"]
    what: Annotated[
        tuple[Variable, ...], "which variables of the process name the folders to empty"
    ] = ("TMPDIR",)


KIND = ActionKind(
    "clean", Options, "empty the folders that the job's caches and TMPDIR are in",
    30 * NS_PER_SECOND,
)  # fmt: skip


class RefusedFolderError(OSError):
    """This folder is not the job's, or a symlink is on its way."""


def start(incident: Incident, options: Options) -> Running:
    """On a thread: a cache has many thousands of files."""
    if not incident.places:
        return over(Status.SKIPPED, f"none of {', '.join(options.what)} was set")
    if using := _still_used(incident):
        return over(Status.SKIPPED, f"{using} still runs in the job")
    return Background("clean", lambda cancelled: _clean(incident, options, cancelled))


def _still_used(incident: Incident) -> str:
    """A process of the job that runs the same program; "" if none does."""
    if incident.folder is None:
        return ""
    for folder, _folders, _files in os.walk(incident.folder):
        try:
            pids = (Path(folder) / "cgroup.procs").read_text().split()
        except OSError:
            continue  # the cgroup was removed meanwhile
        for pid in pids:
            try:
                status = Path(f"/proc/{pid}/exe").stat()
            except OSError:
                continue
            if (status.st_dev, status.st_ino) == incident.target.program:
                return f"{incident.comm} {pid}"
    return ""


def _clean(incident: Incident, options: Options, cancelled: Event) -> Ended:
    files, size, refused = 0, 0, []
    for variable, folder in incident.places:
        if variable not in options.what:
            continue
        try:
            fd = open_owned(Path(folder), options.under, incident.user)
        except OSError as error:
            refused.append(f"{variable}: {error.strerror or error}")
            continue
        try:
            for removed in empty(fd, incident.user, os.fstat(fd).st_dev, cancelled):
                files, size = files + 1, size + removed
        finally:
            os.close(fd)
    told = f"{files:,} files, {format_bytes(size)} removed"
    if refused:
        return Ended(Status.FAILED, clean(", ".join((told, *refused))))
    return Ended(Status.DONE, told)


def open_owned(folder: Path, under: tuple[Path, ...], user: int) -> int:
    """A descriptor of `folder`, below one of `under` and owned by `user`.

    OSError where it is not there, a symlink is on its way, or it is somebody else's.
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
            raise RefusedFolderError(None, "it is not the job's own")
        return fd
    raise RefusedFolderError(None, "it is outside the folders of the policy")


def empty(fd: int, user: int, device: int, cancelled: Event, depth: int = 0) -> Iterator[int]:
    """Removes what is in an open folder; yields the bytes of each file.

    What belongs to another user, or is on another file system, stays.
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
            if not stat.S_ISDIR(status.st_mode):
                os.unlink(name, dir_fd=fd)
                yield status.st_blocks * 512
                continue
            below = os.open(name, _FOLDER, dir_fd=fd)
        except OSError:
            continue  # removed meanwhile, or it became something else
        try:
            if os.fstat(below).st_dev == device:
                yield from empty(below, user, device, cancelled, depth + 1)
        finally:
            os.close(below)
        try:
            os.rmdir(name, dir_fd=fd)
        except OSError:
            continue  # something in it stays
