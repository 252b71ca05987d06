"""The bound of one fuse in one job, in bytes, and where a resumed process is stopped next."""

from dataclasses import replace

from ebpftrace.act.fuse.shared_room import SharedRoom
from ebpftrace.act.policy.fuse import Fuse, FuseAction
from ebpftrace.events import FuseBlown, FuseScope
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge.sample import of_job
from ebpftrace.judge.sharing import limit_is_shared
from ebpftrace.ledger import JobSnapshot, Snapshot

_LEAST = 1  # bytes: 0 means no bound
_LEAST_LEFT = 0.01  # of the limit: with less there is no room for another stop
_NEAR = 0.2  # of the limit: within it of its bound, a job's charge is compared as well
_TOLERANCE = 0.02  # of the limit or bound: how far memory.stat and a page's count may differ


def used_share(job: JobSnapshot) -> float | None:
    """How much of the limit is taken by what cannot be dropped; None without a limit."""
    return of_job(job, 0).used_share


def nearest_share(job: JobSnapshot) -> float | None:
    """The same of its own limit or of one that it shares, whichever is more."""
    used, shared = used_share(job), job.shared_limit
    return used if used is None or shared is None else max(used, shared.used_share)


def share_in(snapshot: Snapshot, job: JobIdentity) -> float | None:
    """The same of a job as a snapshot has it."""
    found = next((it for it in snapshot.jobs if it.identity.key == job.key), None)
    return None if found is None else nearest_share(found)


def bound_in(fuse: Fuse, job: JobSnapshot, shared: SharedRoom | None = None) -> int | None:
    """Bytes; None for a share of a limit that does not exist.

    That of a job is of its whole cgroup, which several jobs may share: the kernel counts that.
    A share is also one of a limit that the job shares with other cgroups (`shared`).
    """
    if not fuse.share:
        return round(fuse.bound) + (beside(job) if fuse.scope is FuseScope.JOB else 0)
    if not job.cgroup.limit_bytes:
        return None
    if fuse.scope is not FuseScope.JOB:
        return round(fuse.bound * job.cgroup.limit_bytes)
    left = _left(fuse.bound, job, shared)
    return None if left is None else max(_LEAST, job.group_usage.held_bytes + left)


def _own_left(share: float, job: JobSnapshot, shared: SharedRoom | None) -> int | None:
    """Bytes until this share of the job's own limit is taken; None without one."""
    now = of_job(job, 0)
    used = now.used_share
    if used is None or now.limit_bytes is None or (shared is not None and limit_is_shared(now)):
        return None
    return round((share - used) * now.limit_bytes)


def _left(share: float, job: JobSnapshot, shared: SharedRoom | None) -> int | None:
    """What the job may gain until it is stopped: at its own limit or at a shared one."""
    left = _own_left(share, job, shared)
    part = None if shared is None else shared.part_bytes(share)
    return min((it for it in (left, part) if it is not None), default=None)


def is_of_shared_limit(fuse: Fuse, job: JobSnapshot, shared: SharedRoom | None) -> bool:
    """Whether a bound is nearer by the shared limit than by the job's own."""
    if shared is None or not fuse.share or fuse.scope is not FuseScope.JOB:
        return False
    left = _own_left(fuse.bound, job, shared)
    return left is None or shared.left_bytes(fuse.bound) < left


def least_held(bound_bytes: int, job: JobSnapshot) -> int:
    """Bytes that the cgroup must hold for a stop at a bound of the job; 0: not compared.

    The kernel compares them with the charge, which memory that several processes share is in
    once. The root cgroup, whose contents are not known, has no charge.
    """
    return 0 if job.cgroup.contents is None else max(0, bound_bytes - beside(job))


def charge_bound(
    fuse: Fuse, higher: Fuse | None, job: JobSnapshot, shared: SharedRoom | None = None
) -> int | None:
    """The charge at which a process of this job is stopped as well; bytes.

    The bound of what the tracked processes hold is as old as the snapshot: a compiler that
    gopls starts can take the rest of the limit before the next one. The kernel drops page
    cache before it kills, so as much cache as there is now may be charged on top. A stop at a
    flood of page cache is found to be below the bound, and corrected. None: too far from the
    bound, or most of the memory is of processes that this fuse cannot stop.
    """
    headroom, limit = job.cgroup.headroom_bytes, job.cgroup.limit_bytes
    left = _left(fuse.bound, job, shared)
    if not fuse.share or fuse.action is not FuseAction.STOP:
        return None
    if limit is None or headroom is None or left is None or left > _NEAR * limit:
        return None
    own_left = _own_left(fuse.bound, job, shared)
    taken = job.held_bytes if own_left is None else fuse.bound * limit - own_left
    if job.group_usage.held_bytes < taken / 2:
        return None
    if higher is not None:
        left = _left(max(fuse.bound, higher.bound if higher.share else 1), job, shared)
    if shared is not None:
        headroom = min(headroom, shared.limit.room_bytes)
    return job.cgroup.charge_bytes + left if left and 0 < left < headroom else None


def is_below_bound(fuse: Fuse, job: JobSnapshot, shared: SharedRoom | None = None) -> bool:
    """Whether a job whose process was stopped at its bound has not crossed it.

    Then only the sum of several jobs of its cgroup has, or memory that several processes
    share and count; or the bound, a share of the limit, was too low: page cache that was
    dropped between two readings looked like usage.
    """
    if fuse.scope is not FuseScope.JOB:
        return False
    if fuse.share:
        limit, left = job.cgroup.limit_bytes, _own_left(fuse.bound, job, shared)
        below = left is None or left > _TOLERANCE * (limit or 0)
        if shared is None:
            return below and left is not None
        shared_left = shared.left_bytes(fuse.bound)
        far = shared_left > _TOLERANCE * shared.limit.limit_bytes
        return below and (far or shared.blameless_bytes > 0)
    if job.group_usage.held_bytes > job.usage.held_bytes:
        return job.charged_usage.held_bytes < fuse.bound
    return beside(job) > 0 and job.charged_usage.held_bytes < fuse.bound * (1 - _TOLERANCE)


def of_job_alone(blown: FuseBlown, fuse: Fuse, job: JobSnapshot) -> FuseBlown:
    """A stop as it is reported: at what the job holds, not at the kernel's sum.

    That may be of a moment when less was shared than when the job was read.
    """
    off = beside(job)
    if blown.scope is not FuseScope.JOB or not off:
        return blown
    least = _LEAST if fuse.share else round(fuse.bound)
    bound = max(least, blown.bound_bytes - off)
    return blown._replace(
        measured_bytes=max(bound, blown.measured_bytes - off), bound_bytes=bound
    )


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
        own_bytes = usage_bytes - (beside(job) if fuse.scope is FuseScope.JOB else 0)
        return replace(fuse, bound=own_bytes * 5 / 4, share=False)
    used = None if fuse.scope is FuseScope.CHARGE else nearest_share(job)
    used = usage_bytes / limit_bytes if used is None else used + grown_bytes / limit_bytes
    left = 1 - used
    if left <= _LEAST_LEFT:
        return None
    if fuse.scope is FuseScope.PROCESS:
        return replace(fuse, bound=usage_bytes + left * limit_bytes / 2, share=False)
    return replace(fuse, bound=used + left / 2, share=True)


def beside(job: JobSnapshot) -> int:
    """Bytes that the kernel's sum of a cgroup has beside what this job holds.

    Tracked processes of other jobs hold them, or several processes count what they share.
    """
    return max(0, job.group_usage.held_bytes - job.charged_usage.held_bytes)
