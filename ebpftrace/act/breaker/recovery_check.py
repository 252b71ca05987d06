"""Did a step help? Judged from snapshots, and from the cgroup's files without a process."""

from dataclasses import dataclass, field
from enum import Enum

from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.job_memory import JobMemory
from ebpftrace.events import ProcessKey
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, ProcessState, Snapshot
from ebpftrace.units import NS_PER_SECOND

DOWN_SHARE = 0.8
"""Memory is down once at most this share of the amount that was judged is left."""

SETTLE_NS = 5 * NS_PER_SECOND
"""How long an action may take to show: the kernel frees a large process in a second or two."""

SUCCESSOR_NS = 10 * NS_PER_SECOND
"""How long to wait for a successor. Editors start one at once; some clients never do."""

STEADY_NS = 3 * NS_PER_SECOND
"""A successor of this age did not die at its start."""


class RecoveryVerdict(Enum):
    """What is known so far."""

    WAIT = "wait"
    HELPED = "helped"
    NOT_HELPED = "not helped"


@dataclass(slots=True)
class RecoveryCheck:
    """Watches an incident's job after a step that ended at `since_ns` (CLOCK_MONOTONIC)."""

    incident: Incident
    since_ns: int
    gone_ns: int = 0  # when the targets were first missing from a snapshot; 0: not yet
    successor: ProcessKey | None = None
    held_bytes: int = 0
    _memory: JobMemory = field(init=False)

    def __post_init__(self) -> None:
        self._memory = JobMemory(self.incident.cgroup_folder, self.incident.limit_bytes)

    def observe(self, snapshot: Snapshot) -> RecoveryVerdict:
        """Take the next snapshot, taken at `since_ns` or later."""
        now = snapshot.monotonic_ns
        key = self.incident.job.key
        job = next((job for job in snapshot.jobs if job.identity.key == key), None)
        self.held_bytes = 0 if job is None else self._held_bytes(job)
        processes = () if job is None else job.processes
        targets = {target.key for target in self.incident.targets}
        if any(process.key in targets for process in processes):
            if self.is_down:
                return RecoveryVerdict.HELPED
            return _not_helped_after(SETTLE_NS, now - self.since_ns)
        self.gone_ns = self.gone_ns or now
        return self._after_end(processes, now)

    def _after_end(
        self, processes: tuple[ProcessSnapshot, ...], now_ns: int
    ) -> RecoveryVerdict:
        """The verdict once all targets are gone.

        That alone is no help: a tmpfs file, a sibling or a program that is not watched may
        have the memory.
        """
        gone_for_ns = now_ns - self.gone_ns
        successor = self._youngest_successor(processes, now_ns)
        self.successor = None if successor is None else successor.key
        if not self.is_down and (self.incident.is_group or successor is None):
            return _not_helped_after(SETTLE_NS, gone_for_ns)
        if successor is None:
            return (
                RecoveryVerdict.HELPED if gone_for_ns > SUCCESSOR_NS else RecoveryVerdict.WAIT
            )
        if self.incident.other_targets and gone_for_ns >= STEADY_NS:
            # The members of a group may be short-lived; their sum is down all the same.
            return RecoveryVerdict.HELPED
        if successor.age_at(now_ns) >= STEADY_NS:
            return RecoveryVerdict.HELPED if self.is_down else RecoveryVerdict.NOT_HELPED
        # After two periods one successor after the other has died at its start.
        return _not_helped_after(2 * SUCCESSOR_NS, gone_for_ns)

    def _youngest_successor(
        self, processes: tuple[ProcessSnapshot, ...], now_ns: int
    ) -> ProcessSnapshot | None:
        successors = [
            process
            for process in processes
            if process.comm == self.incident.comm
            and not process.role
            and _is_settled(process, now_ns)
            and process.key not in self.incident.initial_processes
        ]
        return max(successors, key=lambda it: it.key.start_boottime_ns, default=None)

    def _held_bytes(self, job: JobSnapshot) -> int:
        if job.processes or not self.incident.limit_bytes or not job.alone:
            return job.held_bytes
        # The ledger stops reading a cgroup once its last tracked process has ended.
        return self._memory.held_bytes(job.kernel_bytes)

    @property
    def is_down(self) -> bool:
        """Whether the job holds clearly less than at the breach."""
        return self.freed_bytes >= self.incident.held_bytes * (1 - DOWN_SHARE)

    @property
    def freed_bytes(self) -> int:
        """How much less the job holds than at the breach, never below 0."""
        return max(0, self.incident.job_held_bytes - self.held_bytes)


def _is_settled(process: ProcessSnapshot, now_ns: int) -> bool:
    """Whether it is more than a fork that is about to execute another program."""
    return process.state is ProcessState.RUNNING or process.age_at(now_ns) >= STEADY_NS


def _not_helped_after(limit_ns: int, elapsed_ns: int) -> RecoveryVerdict:
    return RecoveryVerdict.NOT_HELPED if elapsed_ns > limit_ns else RecoveryVerdict.WAIT
