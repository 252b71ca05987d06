"""clean: remove what an ended process left in its gopls cache, Go build cache and TMPDIR.

It touches only folders below those that the policy names, owned by the job's user, and used
by no process of another job. Where other processes of the job use them, it removes only
what was the ended process's own (sharing.py). It never follows a symlink, nor enters
another file system (emptying.py).
"""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import Annotated, Literal

from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.actions.support.background import Background
from ebpftrace.act.actions.support.emptying import (
    RefusedFolderError,
    open_owned,
    remove_contents,
)
from ebpftrace.act.actions.support.running import Ended, Running, finished
from ebpftrace.act.actions.support.sharing import FolderSharing, find_users
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.cache_dirs import CacheDir
from ebpftrace.host.pidfd import is_alive
from ebpftrace.text import clean
from ebpftrace.units import NS_PER_SECOND, format_bytes

FolderVariable = Literal["GOPLSCACHE", "GOCACHE", "TMPDIR"]


@dataclass(frozen=True, slots=True)
class CleanOptions:
    """The options of one step."""

    under: Annotated[tuple[Path, ...], "folders of jobs: nothing outside is ever touched"]
    what: Annotated[
        tuple[FolderVariable, ...], "which variables of the process name the folders to empty"
    ] = ("TMPDIR",)


def start(incident: Incident, options: CleanOptions) -> Running:
    """Runs on a thread: a cache has many thousands of files."""
    folders = [
        folder for folder in incident.cache_dirs.folders if folder.variable in options.what
    ]
    if not folders:
        return finished(StepStatus.SKIPPED, f"none of {', '.join(options.what)} was known")
    for target in incident.targets:
        if is_alive(target.key):
            detail = f"{incident.comm} {target.key.pid} is still running"
            return finished(StepStatus.SKIPPED, detail)
    return Background(
        "clean",
        incident.target,
        lambda cancelled: _clean(incident, folders, options.under, cancelled),
    )


def _clean(
    incident: Incident, folders: list[CacheDir], under: tuple[Path, ...], cancelled: Event
) -> Ended:
    sharing = find_users(incident, folders)
    details: list[str] = []
    cleaned = refused = False
    for folder in folders:
        if reason := sharing.reason_to_skip(folder):
            details.append(f"{folder.variable} skipped: {reason}")
            continue
        try:
            details.append(_empty(sharing, folder, under, cancelled))
            cleaned = True
        except OSError as error:
            details.append(f"{folder.variable}: {error.strerror or error}")
            refused = True
    status = (
        StepStatus.FAILED if refused else StepStatus.DONE if cleaned else StepStatus.SKIPPED
    )
    return Ended(status, clean("; ".join(details)))


def _empty(
    sharing: FolderSharing, folder: CacheDir, under: tuple[Path, ...], cancelled: Event
) -> str:
    """Empty a folder; returns how much was removed. OSError if it must not be opened."""
    dirs = sharing.incident.cache_dirs
    fd = open_owned(Path(folder.path), under, dirs.user)
    try:
        status = os.fstat(fd)
        if (status.st_dev, status.st_ino) != folder.id:
            raise RefusedFolderError(None, "it is not the folder that the process had")
        keep = partial(sharing.keeps, folder)
        excluded = frozenset(other.id for other in dirs.folders) - {folder.id}
        files = size = 0
        for removed in remove_contents(fd, dirs.user, status.st_dev, cancelled, keep, excluded):
            files, size = files + 1, size + removed
    finally:
        os.close(fd)
    removal = f"{folder.variable}: {files:,} files, {format_bytes(size)} removed"
    return ", ".join(filter(None, (removal, sharing.remark(folder))))


ACTION = Action(
    name="clean",
    options=CleanOptions,
    doc="empty the folders that the job's caches and TMPDIR are in",
    timeout_ns=30 * NS_PER_SECOND,
    start=start,
    prepare=None,
    concurrent=False,
    after_outcome=True,
    informational=False,
    temporary=False,
    spends_budget=False,
    saves_evidence=False,
    awaits_evidence=False,
)
