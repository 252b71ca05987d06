"""Computes the bounds of all fuses from a snapshot.

The bound of a job is the sum of what its tracked processes hold now, as the kernel counts
it, plus what is left until the fuse. What is left shrinks as untracked processes and kernel
memory grow, so the bound comes down with each snapshot then.
"""

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from ebpftrace.act.fuse.job_bound import bound_in, charge_bound, least_held
from ebpftrace.act.fuse.shared_room import SharedRoom
from ebpftrace.act.policy.fuse import Fuse, FuseAction, FuseResumed
from ebpftrace.act.policy.matching import policy_for
from ebpftrace.act.policy.policy import Match, Policy
from ebpftrace.act.process.identity import in_own_ancestry
from ebpftrace.events import FuseScope, ProcessKey
from ebpftrace.golang.telemetry import MONITOR_BYTES
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger import JobSnapshot, KnownProcess, ProcessSnapshot, Snapshot
from ebpftrace.probe import AfterResumes, FuseDefault

EXEMPT = 0xFFFF_FFFF
"""In place of a signal: never stop this process (bpf/bounds.h)."""

UNREACHABLE = 1 << 62
"""Bytes: a bound that no process reaches."""


BoundKey = int | ProcessKey
"""What a bound is of: a memory cgroup, by its id, or one process."""

_RESUMED = {
    None: AfterResumes.KILL_NEAR_LIMIT,
    FuseResumed.KILL: AfterResumes.KILL,
    FuseResumed.STOP: AfterResumes.STOP,
}
_SIGNALS = {FuseAction.STOP: int(signal.SIGSTOP), FuseAction.KILL: int(signal.SIGKILL)}


class GroupBound(NamedTuple):
    """A bound of the sum of what a cgroup's tracked processes hold.

    `least_bytes` must be held there by its charge for a stop; 0: not compared.
    """

    held_bytes: int
    signal: int
    least_bytes: int = 0


class ProcessBound(NamedTuple):
    """Bounds of what a process holds and of its cgroup's charge; 0: no such bound.

    Neither these nor the bound of its cgroup apply while it holds less than `least_bytes`.
    """

    own_bytes: int
    charge_bytes: int
    signal: int
    least_bytes: int = 0
    resumed: AfterResumes = AfterResumes.KILL_NEAR_LIMIT


_NO_STOP = ProcessBound(0, 0, EXEMPT)


@dataclass(frozen=True, slots=True)
class Bounds:
    """All bounds by what they are of: cgroup ids and processes."""

    groups: Mapping[int, GroupBound] = field(default_factory=dict)
    processes: Mapping[ProcessKey, ProcessBound] = field(default_factory=dict)
    unlimited: frozenset[str] = frozenset()
    """Names of jobs without a memory limit whose fuse is a share of it."""
    held: Mapping[int, int] = field(default_factory=dict)
    """By cgroup id, where the charge is compared as well: what its tracked processes hold."""


def fuse_for(
    policies: Sequence[Policy], process: ProcessSnapshot | KnownProcess, job: JobIdentity
) -> tuple[Policy, Fuse] | None:
    """The policy whose fuse applies to a process; None for crash monitors and dry runs."""
    return None if process.role else _fuse_of(policies, process, job)


def _fuse_of(
    policies: Sequence[Policy], process: ProcessSnapshot | KnownProcess, job: JobIdentity
) -> tuple[Policy, Fuse] | None:
    """The same, also for a crash monitor: it applies once that one is no longer small."""
    policy = policy_for(policies, process.comm, job, process.exec_name)
    if policy is None or policy.fuse is None or policy.dry_run:
        return None
    return policy, policy.fuse


def bound_key(fuse: Fuse, process: ProcessKey, cgroup_id: int) -> BoundKey:
    """What the bound of this fuse is of, for a process of this cgroup."""
    return cgroup_id if fuse.scope is FuseScope.JOB else process


def process_bound(fuse: Fuse, size: int | None, process: ProcessSnapshot) -> ProcessBound:
    """What the kernel compares for this process; `size` is bytes, None: no bound.

    For a fuse of the whole job `size` bounds the charge, beside the bound of its cgroup.
    """
    own, charge = (size or 0, 0) if fuse.scope is FuseScope.PROCESS else (0, size or 0)
    least = MONITOR_BYTES if process.role else 0
    return ProcessBound(own, charge, _SIGNALS[fuse.action], least, _RESUMED[fuse.resumed])


def compute_bounds(
    policies: Sequence[Policy],
    snapshot: Snapshot,
    raised: Mapping[BoundKey, Fuse],
    budget_refusal: Callable[[JobIdentity, Policy], str] = lambda _job, _policy: "",
    rooms: Mapping[str, SharedRoom] = MappingProxyType({}),
) -> Bounds:
    """The bounds of all processes of a snapshot; `raised` are the fuses of resumed ones.

    `rooms` are those below shared limits, by the key of the job.

    The higher bound of the two holds. A fuse that kills is off while `budget_refusal` gives
    a reason.
    """
    groups: dict[int, GroupBound] = {}
    processes: dict[ProcessKey, ProcessBound] = {}
    unlimited: set[str] = set()
    held: dict[int, int] = {}
    for job in snapshot.jobs:
        cgroup_id, room = job.identity.cgroup_id, rooms.get(job.identity.key)
        job_bounds: dict[Fuse, tuple[int | None, int | None]] = {}  # once for all its processes
        for process in job.processes:
            key = process.key
            found = _fuse_of(policies, process, job.identity)
            if found is None or in_own_ancestry(key.pid):
                processes[key] = _NO_STOP
                continue
            policy, fuse = found
            if fuse.action is FuseAction.KILL and budget_refusal(job.identity, policy):
                processes[key] = _NO_STOP
                continue
            charge = None
            if fuse.scope is FuseScope.JOB:
                if fuse not in job_bounds:
                    job_bounds[fuse] = _job_bounds(fuse, raised.get(cgroup_id), job, room)
                bound, charge = job_bounds[fuse]
            else:
                bound = _bound(fuse, raised.get(key), job, room)
            if bound is None and not fuse.backstop:  # a backstop is only a default
                unlimited.add(job.identity.name)
            if fuse.scope is FuseScope.JOB:
                processes[key] = process_bound(fuse, charge, process)
                if charge:
                    held[cgroup_id] = job.group_usage.held_bytes
                if bound is not None:
                    number = _SIGNALS[fuse.action]
                    lowest = GroupBound(bound, number, least_held(bound, job))
                    groups[cgroup_id] = min(lowest, groups.get(cgroup_id, lowest))
            else:
                processes[key] = process_bound(fuse, bound, process)
    return Bounds(groups, processes, frozenset(unlimited), held)


def _bound(
    fuse: Fuse, higher: Fuse | None, job: JobSnapshot, room: SharedRoom | None
) -> int | None:
    bound = bound_in(fuse, job, room)
    if bound is None or higher is None:
        return bound
    return max(bound, bound_in(higher, job, room) or 0)


def _job_bounds(
    fuse: Fuse, higher: Fuse | None, job: JobSnapshot, room: SharedRoom | None
) -> tuple[int | None, int | None]:
    """The bound of what its tracked processes hold, and that of its cgroup's charge."""
    bound = _bound(fuse, higher, job, room)
    return bound, None if bound is None else charge_bound(fuse, higher, job, room)


def has_fuse(policies: Sequence[Policy]) -> bool:
    """Whether any policy can stop a process."""
    return any(policy.fuse is not None and not policy.dry_run for policy in policies)


def default_fuse(policies: Sequence[Policy]) -> FuseDefault | None:
    """The fuse that the kernel can apply to every process from its first page on.

    There is one only if all policies have the same fuse and match nothing but names. With
    any other policies a process has no bound until the first snapshot.
    """
    fuses = {None if policy.dry_run else policy.fuse for policy in policies}
    if len(fuses) != 1 or any(
        policy.match != Match(comms=policy.match.comms) for policy in policies
    ):
        return None
    (fuse,) = fuses
    if fuse is None:
        return None
    return FuseDefault(
        fuse.scope, fuse.bound, fuse.share, _SIGNALS[fuse.action], _RESUMED[fuse.resumed]
    )
