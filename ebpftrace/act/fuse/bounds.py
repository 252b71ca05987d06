"""Where the fuses are to be, in bytes: asked of each snapshot, for the kernel side to hold.

A bound of a job that is so many bytes away from what the snapshot says is a bound so many
bytes above what the kernel side counts; untracked processes and kernel memory are in the
former, so that the bound comes down as they grow.
"""

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ebpftrace.act.policy.fuse import Fuse, FuseAction
from ebpftrace.act.policy.matching import policy_for
from ebpftrace.act.policy.policy import Match, Policy
from ebpftrace.act.process.identity import in_own_ancestry
from ebpftrace.events import FuseScope, ProcessKey
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge.samples import of_job
from ebpftrace.ledger import JobSnapshot, KnownProcess, ProcessSnapshot, Snapshot
from ebpftrace.probe import FuseDefault
from ebpftrace.probe.loading.layout import whole_pages
from ebpftrace.units import PAGE_SIZE

EXEMPT = 0xFFFF_FFFF
"""In place of a signal: this one is never stopped (bpf/fuse.h)."""

BEYOND = 1 << 62
"""Bytes: a bound that nobody meets."""

_LEAST = 1  # bytes: a bound of 0 would be none

BoundKey = int | ProcessKey
"""Whose bound: a memory cgroup's, by id, or one process's."""

_SIGNALS = {FuseAction.STOP: int(signal.SIGSTOP), FuseAction.KILL: int(signal.SIGKILL)}


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bytes and signals: of groups (held, signal), of processes (own, charge, signal)."""

    groups: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    processes: Mapping[ProcessKey, tuple[int, int, int]] = field(default_factory=dict)
    unlimited: frozenset[str] = frozenset()  # names of jobs that have no limit to be a share of


def fuse_for(
    policies: Sequence[Policy], process: ProcessSnapshot | KnownProcess, job: JobIdentity
) -> tuple[Policy, Fuse] | None:
    """The policy whose fuse is this process's. Crash monitors and dry runs have none."""
    policy = None if process.role else policy_for(policies, process.comm, job)
    if policy is None or policy.fuse is None or policy.dry_run:
        return None
    return policy, policy.fuse


def place_of(fuse: Fuse, process: ProcessKey, cgroup_id: int) -> BoundKey:
    """What its bound is kept by."""
    return cgroup_id if fuse.scope is FuseScope.JOB else process


def bounds_of(
    policies: Sequence[Policy],
    snapshot: Snapshot,
    raised: Mapping[BoundKey, int],
    exhausted: Callable[[JobIdentity, Policy], str] = lambda _job, _policy: "",
) -> Bounds:
    """All bounds; `raised` are those that were put higher since somebody was let go.

    A fuse that kills is off while the budget of its job is `exhausted`.
    """
    groups: dict[int, tuple[int, int]] = {}
    processes: dict[ProcessKey, tuple[int, int, int]] = {}
    unlimited: set[str] = set()
    for job in snapshot.jobs:
        for process in job.processes:
            key = process.key
            found = fuse_for(policies, process, job.identity)
            if found is None or in_own_ancestry(key.pid):
                processes[key] = (0, 0, EXEMPT)
                continue
            policy, fuse = found
            if fuse.action is FuseAction.KILL and exhausted(job.identity, policy):
                processes[key] = (0, 0, EXEMPT)
                continue
            number = _SIGNALS[fuse.action]
            place = place_of(fuse, key, job.identity.cgroup_id)
            bound = _bound(fuse, job, snapshot.monotonic_ns)
            if bound is not None and fuse.scope is FuseScope.JOB:
                # The kernel side sums a cgroup up, and several CI runs may share one.
                bound += job.group_usage.held_bytes - job.usage.held_bytes
            if bound is None:
                unlimited.add(job.identity.name)
            else:
                bound = max(bound, raised.get(place, _LEAST))
            if fuse.scope is FuseScope.JOB:
                processes[key] = (0, 0, number)
                if bound is not None:
                    assert isinstance(place, int)
                    groups[place] = min((bound, number), groups.get(place, (bound, number)))
            elif fuse.scope is FuseScope.PROCESS:
                processes[key] = (bound or 0, 0, number)
            else:
                processes[key] = (0, bound or 0, number)
    return Bounds(groups, processes, frozenset(unlimited))


def not_yet(fuse: Fuse, job: JobSnapshot) -> bool:
    """Whether a job is below its bound, and only its cgroup's sum with other jobs is not."""
    alone = job.group_usage.held_bytes <= job.usage.held_bytes
    if alone or fuse.scope is not FuseScope.JOB or fuse.share:
        return False
    return job.usage.held_bytes < fuse.bound


def _bound(fuse: Fuse, job: JobSnapshot, now_ns: int) -> int | None:
    """None: a share of a limit that there is not."""
    if not fuse.share:
        return round(fuse.bound)
    if not job.cgroup.limit_bytes:
        return None
    if fuse.scope is not FuseScope.JOB:
        return round(fuse.bound * job.cgroup.limit_bytes)
    now = of_job(job, now_ns)
    if now.used_share is None:
        return None
    away = round((fuse.bound - now.used_share) * job.cgroup.limit_bytes)
    return max(_LEAST, job.usage.held_bytes + away)


def higher(measured_bytes: int, bound_bytes: int, limit_bytes: int | None) -> int | None:
    """The next bound of one that goes on: half of what is left to the limit above it.

    Without a limit a quarter above; None where there is no room for another stop. In whole
    pages, as the kernel side has it.
    """
    at = max(measured_bytes, bound_bytes)
    if limit_bytes is None:
        return whole_pages(at * 5 // 4) * PAGE_SIZE
    left = limit_bytes - at
    if left <= limit_bytes // 100:
        return None
    return whole_pages(at + left // 2) * PAGE_SIZE


def has_fuse(policies: Sequence[Policy]) -> bool:
    """Whether anybody may be stopped."""
    return any(policy.fuse is not None and not policy.dry_run for policy in policies)


def default_fuse(policies: Sequence[Policy]) -> FuseDefault | None:
    """What the kernel side holds against everybody from the first page on.

    Only where that is right for all that is watched: one fuse, and no policy that asks for
    more than a name. Elsewhere a process has no bound before the first reading.
    """
    fuses = {None if policy.dry_run else policy.fuse for policy in policies}
    if len(fuses) != 1 or any(
        policy.match != Match(comms=policy.match.comms) for policy in policies
    ):
        return None
    (fuse,) = fuses
    if fuse is None:
        return None
    return FuseDefault(fuse.scope, fuse.bound, fuse.share, _SIGNALS[fuse.action])
