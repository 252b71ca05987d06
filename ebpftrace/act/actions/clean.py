"""clean: removes what the job's gopls, Go build cache and TMPDIR left behind.

Once the process has ended, and only its job's: below folders that the policy names, in
folders that belong to the job's user and that nobody outside of the job uses. Where others
of the job live that use them, only what was the process's own (sharing.py); never through
a symlink, nor on another file system (emptying.py).
"""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import Annotated, Literal

from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.actions.support.background import Background
from ebpftrace.act.actions.support.emptying import RefusedFolderError, empty, open_owned
from ebpftrace.act.actions.support.running import Ended, Running, over, readable
from ebpftrace.act.actions.support.sharing import Sharing, sharing
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.cache_dirs import CacheDir
from ebpftrace.host import proc
from ebpftrace.text import clean
from ebpftrace.units import NS_PER_SECOND, format_bytes

Variable = Literal["GOPLSCACHE", "GOCACHE", "TMPDIR"]


@dataclass(frozen=True, slots=True)
class CleanOptions:
    """Of one rung."""

    under: Annotated[tuple[Path, ...], "folders of jobs: nothing outside is ever touched"]
    what: Annotated[
        tuple[Variable, ...], "which variables of the process name the folders to empty"
    ] = ("TMPDIR",)


def start(incident: Incident, options: CleanOptions) -> Running:
    """On a thread: a cache has many thousands of files."""
    places = [one for one in incident.cache_dirs.folders if one.variable in options.what]
    if not places:
        return over(StepStatus.SKIPPED, f"none of {', '.join(options.what)} was set")
    if living := _living(incident):
        return over(StepStatus.SKIPPED, f"{living} still runs")
    return Background(
        "clean", lambda cancelled: _clean(incident, places, options.under, cancelled)
    )


def _living(incident: Incident) -> str:
    """One of those that are meant; "" once all have ended."""
    for one in incident.targets:
        try:
            fd = os.pidfd_open(one.key.pid)
        except OSError:
            continue
        try:
            stat = proc.read_stat(one.key.pid)
            ended = readable(fd)  # its state may be that of its first thread alone
        finally:
            os.close(fd)
        if stat and stat.started_at(one.key.start_boottime_ns) and not ended:
            return f"{incident.comm} {one.key.pid}"
    return ""


def _clean(
    incident: Incident, places: list[CacheDir], under: tuple[Path, ...], cancelled: Event
) -> Ended:
    found = sharing(incident, places)
    told: list[str] = []
    cleaned = refused = False
    for place in places:
        if why := found.left_alone(place):
            told.append(f"{place.variable} left alone: {why}")
            continue
        try:
            told.append(_emptied(found, place, under, cancelled))
            cleaned = True
        except OSError as error:
            told.append(f"{place.variable}: {error.strerror or error}")
            refused = True
    status = (
        StepStatus.FAILED if refused else StepStatus.DONE if cleaned else StepStatus.SKIPPED
    )
    return Ended(status, clean("; ".join(told)))


def _emptied(found: Sharing, place: CacheDir, under: tuple[Path, ...], cancelled: Event) -> str:
    """Says how much is gone. OSError where the folder is not to be opened."""
    user = found.incident.cache_dirs.user
    fd = open_owned(Path(place.path), under, user)
    try:
        folder = os.fstat(fd)
        if (folder.st_dev, folder.st_ino) != place.id:
            raise RefusedFolderError(None, "it is not the folder that the process had")
        spared = partial(found.spares, place)
        apart = frozenset(one.id for one in found.incident.cache_dirs.folders) - {place.id}
        files = size = 0
        for removed in empty(fd, user, folder.st_dev, cancelled, spared, apart):
            files, size = files + 1, size + removed
    finally:
        os.close(fd)
    told = f"{place.variable}: {files:,} files, {format_bytes(size)} removed"
    return ", ".join(filter(None, (told, found.told(place))))


ACTION = Action(
    name="clean",
    options=CleanOptions,
    doc="empty the folders that the job's caches and TMPDIR are in",
    timeout_ns=30 * NS_PER_SECOND,
    start=start,
    concurrent=False,
    after_outcome=True,
    informational=False,
    temporary=False,
    spends_budget=False,
)
