"""Did it help? Told from snapshots, and from the cgroup itself where nobody reads it now."""

from dataclasses import dataclass
from enum import Enum

from ebpftrace.act.incident.incident import Incident
from ebpftrace.events import ProcessKey
from ebpftrace.host.memstat import read_contents
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, Snapshot
from ebpftrace.ledger.held import held_bytes
from ebpftrace.units import NS_PER_SECOND, format_bytes, format_duration

DOWN_SHARE = 0.8
"""Memory is down when at most so much is left of what was judged to be too much."""

SETTLE_NS = 5 * NS_PER_SECOND
"""How long an action may take to show: the kernel frees a large process in a second or two."""

SUCCESSOR_NS = 10 * NS_PER_SECOND
"""How long a successor is waited for. Editors start one at once; some clients never do."""

STEADY_NS = 3 * NS_PER_SECOND
"""A successor that lived so long did not die at its start."""


class RecoveryVerdict(Enum):
    """What is known so far."""

    WAIT = "wait"
    HELPED = "helped"
    NOT_HELPED = "not helped"


@dataclass(slots=True)
class RecoveryCheck:
    """Watches one incident after an acting step that ended at `since_ns`."""

    incident: Incident
    since_ns: int
    gone_ns: int = 0
    successor: ProcessKey | None = None
    successors: int = 0
    held_bytes: int = 0

    def see(self, snapshot: Snapshot) -> RecoveryVerdict:
        """Take the next snapshot, one of after `since_ns`."""
        incident, now = self.incident, snapshot.monotonic_ns
        job = _job(snapshot, incident.job.key)
        self.held_bytes = 0 if job is None else self._held_bytes(job)
        there = () if job is None else job.processes
        meant = {target.key for target in incident.targets}
        if any(one.key in meant for one in there):
            if self._is_down:
                return RecoveryVerdict.HELPED
            return (
                RecoveryVerdict.NOT_HELPED
                if now - self.since_ns > SETTLE_NS
                else RecoveryVerdict.WAIT
            )
        self.gone_ns = self.gone_ns or now
        return self._succession(there, now)

    def _succession(self, there: tuple[ProcessSnapshot, ...], now_ns: int) -> RecoveryVerdict:
        heirs = [
            one
            for one in there
            if one.comm == self.incident.comm
            and not one.role
            and one.state == "running"
            and one.key not in self.incident.initial_processes
        ]
        heir = max(heirs, key=lambda one: one.key.start_boottime_ns, default=None)
        if self.incident.is_group and not self._is_down:
            return (
                RecoveryVerdict.NOT_HELPED
                if now_ns - self.gone_ns > SETTLE_NS
                else RecoveryVerdict.WAIT
            )
        if heir is None:
            self.successor = None
            return (
                RecoveryVerdict.HELPED
                if now_ns - self.gone_ns > SUCCESSOR_NS
                else RecoveryVerdict.WAIT
            )
        if heir.key != self.successor:
            self.successor = heir.key
            self.successors += 1
        if self.incident.other_targets and now_ns - self.gone_ns >= STEADY_NS:
            return (
                RecoveryVerdict.HELPED
            )  # each may be short-lived, and less is held all the same
        if heir.age_ns >= STEADY_NS:
            return RecoveryVerdict.HELPED if self._is_down else RecoveryVerdict.NOT_HELPED
        if now_ns - self.gone_ns > 2 * SUCCESSOR_NS:
            return RecoveryVerdict.NOT_HELPED  # one after the other dies at its start
        return RecoveryVerdict.WAIT

    def _held_bytes(self, job: JobSnapshot) -> int:
        if job.processes or not self.incident.limit_bytes:
            return held_bytes(job)
        # With its last watched process gone, the books have its cgroup as that left it.
        folder = self.incident.cgroup_folder
        contents = None if folder is None else read_contents(folder)
        return 0 if contents is None else contents.anon_bytes + contents.shmem_bytes

    @property
    def _is_down(self) -> bool:
        return self.freed_bytes >= self.incident.held_bytes * (1 - DOWN_SHARE)

    @property
    def freed_bytes(self) -> int:
        """What the job holds less than at the breach, never below 0."""
        return max(0, self.incident.job_held_bytes - self.held_bytes)


def _job(snapshot: Snapshot, key: str) -> JobSnapshot | None:
    return next((job for job in snapshot.jobs if job.identity.key == key), None)


def relieved(incident: Incident, relief: RecoveryCheck, took_ns: int) -> str:
    """`1.5 GiB freed in 8.0s: gopls 4711 is gone, its successor 4802 is steady`."""
    won = f"{format_bytes(relief.freed_bytes)} freed in {format_duration(took_ns)}"
    live, are = ("live", "are") if incident.other_targets else ("lives", "is")
    if not relief.gone_ns:
        return f"{won}: {incident.target_name} {live} on with less"
    if relief.successor is None:
        return f"{won}: {incident.target_name} {are} gone, no successor came"
    if incident.other_targets:
        return f"{won}: {incident.target_name} are gone, those that followed hold less"
    return (
        f"{won}: {incident.target_name} is gone, its successor {relief.successor.pid} is steady"
    )


def not_relieved(incident: Incident, *, acted: bool, why: str) -> str:
    """What has to be said loudly: the ladder is at its end, and nothing is better."""
    because = f": {why}" if why else ""
    if acted:
        return f"GIVEN UP: nothing helped against {incident.target_name}{because}"
    return f"{incident.target_name}: nothing was done{because}"
