"""freeze: stops the job where it is, until it is thawed, a rung ends it, or all is over.

cgroup v2: `cgroup.freeze` of the job's cgroup. v1: the freezer cgroup of the process, if
it has one of its own. Elsewhere those that are meant alone, by SIGSTOP. Source: cgroup-v2.rst,
cgroup-v1/freezer-subsystem.rst.
"""

import os
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ebpftrace.act.actions.support.action import Action, NoOptions
from ebpftrace.act.actions.support.control_files import (
    job_folder,
    read,
    undo,
    without_us,
    write,
)
from ebpftrace.act.actions.support.orphans import orphans_of
from ebpftrace.act.actions.support.running import Ended, Running, over
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.identity import RefusedError, Target, open_process, own_line
from ebpftrace.act.process.undo import Undo
from ebpftrace.errors import GoneError
from ebpftrace.host import proc
from ebpftrace.host.mounts import mounts
from ebpftrace.units import NS_PER_SECOND

_POLL_NS = 10_000_000  # neither freezer wakes who waits for it


@dataclass(frozen=True, slots=True)
class Freezer:
    """The control file that freezes, and how its states are written and read."""

    file: Path
    frozen: str
    thawed: str
    states: Path

    @property
    def name(self) -> str:
        """Of the cgroup."""
        return self.file.parent.name

    def is_frozen(self) -> bool:
        """Whether all of it stands still."""
        told = read(self.states)
        return told == "FROZEN" or "frozen 1" in told.splitlines()


@dataclass(frozen=True, slots=True)
class _Stopped:
    """Stopped by a signal: that takes effect a moment after it was sent."""

    pids: tuple[int, ...]

    @property
    def name(self) -> str:
        if len(self.pids) == 1:
            return f"{self.pids[0]}, the process alone,"
        return f"{self.pids[0]} and {len(self.pids) - 1} more, these alone,"

    def is_frozen(self) -> bool:
        stats = map(proc.read_stat, self.pids)
        return all(stat is None or stat.state in "TtZX" for stat in stats)


def start(incident: Incident, options: NoOptions) -> Running:
    """Frozen when the kernel says so, not when it was asked."""
    try:
        os.close(open_process(incident.target))
        freezer = freezer_of(incident)
        if freezer is None:
            stopped = tuple(_stop(whole(incident)))
            if not stopped:
                raise GoneError(f"{incident.target.key.pid} has ended")
            pids = tuple(one.key.pid for one in stopped)
            back = Undo("continued", targets=stopped, early=True)
            return _Freezing(_Stopped(pids), back)
        back = undo(freezer.file, freezer.thawed, "thawed", early=True)
        write(freezer.file, freezer.frozen)
    except (GoneError, RefusedError) as error:
        return over(StepStatus.SKIPPED, error.what)
    except OSError as error:
        return over(StepStatus.FAILED, f"not frozen: {error.strerror}")
    return _Freezing(freezer, back)


def freezer_of(incident: Incident) -> Freezer | None:
    """What freezes this job; None where only signals do. RefusedError if we are in it."""
    folder = job_folder(incident)
    modern = folder / "cgroup.freeze"
    if modern.exists():
        without_us(incident)
        return Freezer(modern, "1", "0", folder / "cgroup.events")
    path = freezer_path(incident.target.key.pid)
    if path in ("", "/"):
        return None
    for mount in mounts():
        if mount.fstype == "cgroup" and "freezer" in mount.options and mount.root == "/":
            ours = map(freezer_path, own_line())
            if any(own == path or own.startswith(f"{path}/") for own in ours):
                raise RefusedError("ebpftrace itself runs in this freezer cgroup")
            file = Path(mount.point) / path.strip("/") / "freezer.state"
            return Freezer(file, "FROZEN", "THAWED", file)
    return None


def freezer_path(pid: int) -> str:
    """The path of a process's v1 freezer cgroup; "" where it has none, or is gone."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ""
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if "freezer" in controllers.split(","):
            return path
    return ""


def whole(incident: Incident) -> Iterator[Target]:
    """Those that are meant, and the descendants that are meant with them."""
    yield from incident.targets
    yield from orphans_of(incident, "none")


def _stop(targets: Iterable[Target]) -> Iterator[Target]:
    """Those of them that were stopped."""
    for target in targets:
        try:
            fd = open_process(target)
            try:
                signal.pidfd_send_signal(fd, signal.SIGSTOP)
            finally:
                os.close(fd)
        except (GoneError, RefusedError, OSError):
            continue  # raised, it would lose sight of those that are stopped already
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
        return Ended(StepStatus.DONE, f"{self.freezer.name} frozen")

    def stop(self) -> str:
        # Half frozen after a timeout is worse than not: nobody would thaw it.
        try:
            if not self.freezer.is_frozen():
                self.undo.run()
        except OSError:
            return ""  # the cgroup is gone
        return ""


ACTION = Action(
    name="freeze",
    options=NoOptions,
    doc="stop the job's cgroup, or the process, until the incident is over",
    timeout_ns=5 * NS_PER_SECOND,
    start=start,
    concurrent=False,
    after_outcome=False,
    informational=False,
    temporary=True,
    spends_budget=False,
)
