"""freeze: stop the job until it is thawed, a step ends it, or the incident ends.

cgroup v2: `cgroup.freeze` of the job's cgroup. v1: the freezer cgroup of the process, if
it has one of its own. Elsewhere only the targets, by SIGSTOP. Source: cgroup-v2.rst,
cgroup-v1/freezer-subsystem.rst.
"""

import os
import signal
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ebpftrace.act.actions.support.action import Action, NoOptions
from ebpftrace.act.actions.support.control_files import (
    cgroup_pids,
    job_cgroup,
    judged_pids,
    read_control,
    refuse_own_cgroup,
    undo_write,
    write_control,
)
from ebpftrace.act.actions.support.orphans import orphans_of
from ebpftrace.act.actions.support.running import Ended, Running, finished
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.identity import RefusedError, Target, open_process, own_ancestry
from ebpftrace.act.process.undo import Undo
from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host import pidfd, proc
from ebpftrace.host.cgroups import memory_cgroup, v1_cgroup
from ebpftrace.host.mounts import mounts
from ebpftrace.text import PATH_LIMIT, clean
from ebpftrace.units import NS_PER_SECOND

_POLL_NS = 10_000_000  # neither freezer notifies
_MOST_FOLDERS = 64
_MOST_PROCESSES = 4096
_MOST_NS = 20_000_000
"""How much of a freezer cgroup is read before it counts as shared: see _is_of_one_job."""


@dataclass(frozen=True, slots=True)
class Freezer:
    """A cgroup's control file that freezes, and how its states are written and read."""

    file: Path
    frozen: str
    thawed: str
    states: Path

    @property
    def name(self) -> str:
        """The name of the cgroup."""
        return self.file.parent.name

    @property
    def done(self) -> str:
        return f"{self.name} frozen"

    def is_frozen(self) -> bool:
        """Whether all of its processes are frozen."""
        state = read_control(self.states)
        return state == "FROZEN" or "frozen 1" in state.splitlines()


@dataclass(frozen=True, slots=True)
class _Stopped:
    """Processes that were sent SIGSTOP, which takes effect a moment later."""

    pids: tuple[int, ...]

    @property
    def done(self) -> str:
        more = f" and {len(self.pids) - 1} more" if len(self.pids) > 1 else ""
        return f"{self.pids[0]}{more} stopped by SIGSTOP"

    def is_frozen(self) -> bool:
        stats = map(proc.read_stat, self.pids)
        return all(stat is None or stat.state in "TtZX" for stat in stats)


def start(incident: Incident, options: NoOptions) -> Running:
    """The action ends once the kernel reports the freeze."""
    try:
        is_new = incident.target.key not in incident.signalled
        os.close(open_process(incident.target, same_program=is_new))
        freezer = find_freezer(incident)
        if freezer is None:
            stopped = tuple(_stop(frozen_targets(incident), incident.signalled))
            if not stopped:
                raise GoneError(f"{incident.target.key.pid} has ended")
            pids = tuple(target.key.pid for target in stopped)
            undo = Undo("continued", targets=stopped, before_kill=True)
            return _Freezing(_Stopped(pids), undo)
        undo = undo_write(freezer.file, freezer.thawed, "thawed", before_kill=True)
        write_control(freezer.file, freezer.frozen, judged_pids(incident))
    except (GoneError, RefusedError) as error:
        return finished(StepStatus.SKIPPED, error.what)
    except OSError as error:
        return finished(StepStatus.FAILED, f"not frozen: {error.strerror}")
    return _Freezing(freezer, undo)


def find_freezer(incident: Incident) -> Freezer | None:
    """What freezes this job; None if only a signal does.

    RefusedError if ebpftrace runs in the cgroup that it freezes.
    """
    folder = job_cgroup(incident)
    modern = folder / "cgroup.freeze"
    if modern.exists():
        refuse_own_cgroup(incident)
        return Freezer(modern, "1", "0", folder / "cgroup.events")
    path = v1_cgroup(incident.target.key.pid, "freezer")
    if path in ("", "/"):
        return None
    for mount in mounts():
        if mount.fstype == "cgroup" and "freezer" in mount.options and mount.root == "/":
            ours = (v1_cgroup(pid, "freezer") for pid in own_ancestry())
            if any(own == path or own.startswith(f"{path}/") for own in ours):
                raise RefusedError("ebpftrace itself runs in this freezer cgroup")
            folder = Path(mount.point) / path.strip("/")
            if not _is_of_one_job(folder, incident):
                return None
            file = folder / "freezer.state"
            return Freezer(file, "FROZEN", "THAWED", file)
    return None


def _is_of_one_job(
    freezer: Path, incident: Incident, clock: Callable[[], int] = time.monotonic_ns
) -> bool:
    """Whether a freezer cgroup has processes of the job's memory cgroup only.

    It is of another hierarchy, and may be shared. A tree counts as shared if it is large or
    takes long to read: a job chooses how many cgroups and processes it has.
    """
    cgroup, until_ns, left = incident.job.cgroup, clock() + _MOST_NS, _MOST_PROCESSES
    folders = [freezer]
    for number, folder in enumerate(folders):
        if number >= _MOST_FOLDERS or clock() >= until_ns:
            return False
        pids = _processes(folder)
        left -= len(pids)
        if left < 0:
            return False
        for pid in pids:
            if clock() >= until_ns:
                return False
            path = memory_cgroup(pid)
            if path is not None and not _is_below(clean(os.fsencode(path), PATH_LIMIT), cgroup):
                return False
        # It has a link for each folder in it, so that a large one need not be listed.
        if folder.stat().st_nlink > _MOST_FOLDERS + 2:
            return False
        folders += (entry for entry in folder.iterdir() if entry.is_dir())
    return True


def _processes(folder: Path) -> frozenset[int]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return cgroup_pids(fd)
    finally:
        os.close(fd)


def _is_below(path: str, cgroup: str) -> bool:
    return path == cgroup or path.startswith(f"{cgroup}/")


def frozen_targets(incident: Incident) -> Iterator[Target]:
    """The targets, and the descendants that the incident names."""
    yield from incident.targets
    yield from orphans_of(incident, "none")


def _stop(targets: Iterable[Target], signalled: Collection[ProcessKey]) -> Iterator[Target]:
    """Stop them; yields those that were stopped."""
    for target in targets:
        try:
            fd = open_process(target, same_program=target.key not in signalled)
            try:
                stopped = pidfd.send_signal(fd, signal.SIGSTOP)
            finally:
                os.close(fd)
        except (GoneError, RefusedError, OSError):
            continue  # an error here would lose track of those stopped already
        if stopped:
            yield target


@dataclass(slots=True)
class _Freezing:
    freezer: Freezer | _Stopped
    undo: Undo
    next_ns: int = 0

    @property
    def fds(self) -> tuple[int, ...]:
        return ()

    @property
    def due_ns(self) -> int | None:
        return self.next_ns

    def poll(self, now_ns: int) -> Ended | None:
        self.next_ns = now_ns + _POLL_NS
        try:
            frozen = self.freezer.is_frozen()
        except OSError as error:
            return Ended(StepStatus.FAILED, f"not frozen: {error.strerror}")
        if not frozen:
            return None
        return Ended(StepStatus.DONE, self.freezer.done)

    def cancel(self, now_ns: int) -> bool:
        return False

    def stop(self) -> str:
        # After a timeout half of the job may be frozen, and no step would thaw it.
        try:
            if not self.freezer.is_frozen():
                self.undo.run()
        except OSError:
            return ""  # the cgroup is gone
        return ""


ACTION = Action(
    name="freeze",
    options=NoOptions,
    doc="freeze the job's cgroup, or stop the process, until the incident ends",
    timeout_ns=5 * NS_PER_SECOND,
    start=start,
    prepare=None,
    concurrent=False,
    after_outcome=False,
    informational=False,
    temporary=True,
    spends_budget=False,
    saves_evidence=False,
    awaits_evidence=False,
)
