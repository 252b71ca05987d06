"""Computes the bounds of all fuses from a snapshot.

The bound of a job is the sum of what its tracked processes hold now, as the kernel counts
it, plus what is left until the fuse. What is left shrinks as untracked processes and kernel
memory grow, so the bound comes down with each snapshot then.
"""

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

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
"""In place of a signal: never stop this process (bpf/fuse.h)."""

UNREACHABLE = 1 << 62
"""Bytes: a bound that no process reaches."""

_LEAST = 1  # bytes: 0 means no bound
_LEAST_LEFT = 0.01  # of the limit: with less there is no room for another stop
_TOLERANCE = 0.02  # of the limit: how far memory.stat and a page's count may differ

BoundKey = int | ProcessKey
"""What a bound is of: a memory cgroup, by its id, or one process."""

_SIGNALS = {FuseAction.STOP: int(signal.SIGSTOP), FuseAction.KILL: int(signal.SIGKILL)}


class GroupBound(NamedTuple):
    """A bound of the sum of what a cgroup's tracked processes hold."""

    held_bytes: int
    signal: int


class ProcessBound(NamedTuple):
    """Bounds of what a process holds and of its cgroup's charge; 0: no such bound."""

    own_bytes: int
    charge_bytes: int
    signal: int


_NO_STOP = ProcessBound(0, 0, EXEMPT)


@dataclass(frozen=True, slots=True)
class Bounds:
    """All bounds by what they are of: cgroup ids and processes."""

    groups: Mapping[int, GroupBound] = field(default_factory=dict)
    processes: Mapping[ProcessKey, ProcessBound] = field(default_factory=dict)
    unlimited: frozenset[str] = frozenset()
    """Names of jobs without a memory limit whose fuse is a share of it."""


def fuse_for(
    policies: Sequence[Policy], process: ProcessSnapshot | KnownProcess, job: JobIdentity
) -> tuple[Policy, Fuse] | None:
    """The policy whose fuse applies to a process; None for crash monitors and dry runs."""
    policy = (
        None if process.role else policy_for(policies, process.comm, job, process.exec_name)
    )
    if policy is None or policy.fuse is None or policy.dry_run:
        return None
    return policy, policy.fuse


def bound_key(fuse: Fuse, process: ProcessKey, cgroup_id: int) -> BoundKey:
    """What the bound of this fuse is of, for a process of this cgroup."""
    return cgroup_id if fuse.scope is FuseScope.JOB else process


def compute_bounds(
    policies: Sequence[Policy],
    snapshot: Snapshot,
    raised: Mapping[BoundKey, Fuse],
    budget_refusal: Callable[[JobIdentity, Policy], str] = lambda _job, _policy: "",
) -> Bounds:
    """The bounds of all processes of a snapshot; `raised` are the fuses of resumed ones.

    The higher bound of the two holds. A fuse that kills is off while `budget_refusal` gives
    a reason.
    """
    groups: dict[int, GroupBound] = {}
    processes: dict[ProcessKey, ProcessBound] = {}
    unlimited: set[str] = set()
    for job in snapshot.jobs:
        cgroup_id = job.identity.cgroup_id
        for process in job.processes:
            key = process.key
            found = fuse_for(policies, process, job.identity)
            if found is None or in_own_ancestry(key.pid):
                processes[key] = _NO_STOP
                continue
            policy, fuse = found
            if fuse.action is FuseAction.KILL and budget_refusal(job.identity, policy):
                processes[key] = _NO_STOP
                continue
            number = _SIGNALS[fuse.action]
            bound = _bound(fuse, job, snapshot.monotonic_ns)
            higher = raised.get(bound_key(fuse, key, cgroup_id))
            if bound is not None and higher is not None:
                bound = max(bound, _bound(higher, job, snapshot.monotonic_ns) or _LEAST)
            if bound is None and not fuse.backstop:  # a backstop is only a default
                unlimited.add(job.identity.name)
            if fuse.scope is FuseScope.JOB:
                processes[key] = ProcessBound(0, 0, number)
                if bound is not None:
                    lowest = GroupBound(bound, number)
                    groups[cgroup_id] = min(lowest, groups.get(cgroup_id, lowest))
            elif fuse.scope is FuseScope.PROCESS:
                processes[key] = ProcessBound(bound or 0, 0, number)
            else:
                processes[key] = ProcessBound(0, bound or 0, number)
    return Bounds(groups, processes, frozenset(unlimited))


def used_share(job: JobSnapshot) -> float | None:
    """How much of the limit is taken by what cannot be dropped; None without a limit."""
    return of_job(job, 0).used_share


def is_below_bound(fuse: Fuse, job: JobSnapshot) -> bool:
    """Whether a job whose process was stopped at its bound has not crossed it.

    Then only the sum of several jobs of its cgroup has; or the bound, a share of the limit,
    was too low: page cache that was dropped between two readings looked like usage.
    """
    if fuse.scope is not FuseScope.JOB:
        return False
    if fuse.share:
        used = used_share(job)
        return used is not None and used < fuse.bound - _TOLERANCE
    alone = job.group_usage.held_bytes <= job.usage.held_bytes
    return not alone and job.usage.held_bytes < fuse.bound


def _bound(fuse: Fuse, job: JobSnapshot, now_ns: int) -> int | None:
    """Bytes; None for a share of a limit that does not exist.

    That of a job is of its whole cgroup, which several jobs may share: the kernel counts that.
    """
    if not fuse.share:
        return round(fuse.bound) + (_others(job) if fuse.scope is FuseScope.JOB else 0)
    if not job.cgroup.limit_bytes:
        return None
    if fuse.scope is not FuseScope.JOB:
        return round(fuse.bound * job.cgroup.limit_bytes)
    now = of_job(job, now_ns)
    if now.used_share is None:
        return None
    left = round((fuse.bound - now.used_share) * job.cgroup.limit_bytes)
    return max(_LEAST, job.group_usage.held_bytes + left)


def _others(job: JobSnapshot) -> int:
    """Bytes that tracked processes of other jobs hold in the cgroup of this one."""
    return job.group_usage.held_bytes - job.usage.held_bytes


def next_fuse(
    fuse: Fuse, job: JobSnapshot, usage_bytes: int, *, grown_bytes: int = 0
) -> Fuse | None:
    """The fuse of a process that is resumed: half way from the usage to the limit.

    `usage_bytes` is what its bound is compared with, and `grown_bytes` how much of that came
    after the snapshot. What untracked processes hold takes of the limit as well, so only half
    of what they leave is added; for a job, by each snapshot anew. Without a limit the bound is
    a quarter higher. None: too little is left for another stop.
    """
    limit_bytes = job.cgroup.limit_bytes
    if limit_bytes is None:
        own_bytes = usage_bytes - (_others(job) if fuse.scope is FuseScope.JOB else 0)
        return replace(fuse, bound=own_bytes * 5 / 4, share=False)
    used = None if fuse.scope is FuseScope.CHARGE else used_share(job)
    used = usage_bytes / limit_bytes if used is None else used + grown_bytes / limit_bytes
    left = 1 - used
    if left <= _LEAST_LEFT:
        return None
    if fuse.scope is FuseScope.PROCESS:
        return replace(fuse, bound=usage_bytes + left * limit_bytes / 2, share=False)
    return replace(fuse, bound=used + left / 2, share=True)


def bound_of(fuse: Fuse, job: JobSnapshot, now_ns: int) -> int | None:
    """The bound of a fuse in whole pages, as in the kernel; None: there is no limit."""
    bound = _bound(fuse, job, now_ns)
    return None if bound is None else whole_pages(bound) * PAGE_SIZE


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
    return FuseDefault(fuse.scope, fuse.bound, fuse.share, _SIGNALS[fuse.action])
