"""The bound of one fuse in one job, in bytes, and where a resumed process is stopped next."""

from dataclasses import replace

from ebpftrace.act.policy.fuse import Fuse, FuseAction
from ebpftrace.events import FuseBlown, FuseScope
from ebpftrace.judge.samples import of_job
from ebpftrace.ledger import JobSnapshot
from ebpftrace.limits import own_level

_LEAST = 1  # bytes: 0 means no bound
_LEAST_LEFT = 0.01  # of the limit: with less there is no room for another stop
_NEAR = 0.2  # of the limit: within it of its bound, a job's charge is compared as well
_TOLERANCE = 0.02  # of the limit or bound: how far memory.stat and a page's count may differ


def used_share(job: JobSnapshot) -> float | None:
    """How much of the limit is taken by what cannot be dropped; None without a limit."""
    return of_job(job, 0).used_share


def bound_in(fuse: Fuse, job: JobSnapshot) -> int | None:
    """Bytes; None for a share of a limit that does not exist.

    That of a job is of its whole cgroup, which several jobs may share: the kernel counts that.
    """
    if not fuse.share:
        return round(fuse.bound) + (beside(job) if fuse.scope is FuseScope.JOB else 0)
    if not job.cgroup.limit_bytes:
        return None
    if fuse.scope is not FuseScope.JOB:
        return round(fuse.bound * job.cgroup.limit_bytes)
    used = used_share(job)
    if used is None:
        return None
    left = round((fuse.bound - used) * job.cgroup.limit_bytes)
    return max(_LEAST, job.group_usage.held_bytes + left)


def least_held(fuse: Fuse, job: JobSnapshot) -> int:
    """Bytes that the cgroup must hold for a stop at a bound of the job; 0: not compared.

    The kernel compares them with the charge, which memory that several processes share is in
    once. The share of a limit above the cgroup cannot be compared with that, and the root
    cgroup, whose contents are not known, has no charge.
    """
    if job.cgroup.contents is None:
        return 0
    if not fuse.share:
        return round(fuse.bound)
    level, limit = own_level(job.cgroup), job.cgroup.limit_bytes
    return 0 if limit is None or level is None or level.above else round(fuse.bound * limit)


def charge_bound(fuse: Fuse, higher: Fuse | None, job: JobSnapshot) -> int | None:
    """The charge at which a process of this job is stopped as well; bytes.

    The bound of what the tracked processes hold is as old as the snapshot: a compiler that
    gopls starts can take the rest of the limit before the next one. The kernel drops page
    cache before it kills, so as much cache as there is now may be charged on top. A stop at a
    flood of page cache is found to be below the bound, and corrected. None: too far from the
    bound, or most of the memory is of processes that this fuse cannot stop.
    """
    headroom, used = job.cgroup.headroom_bytes, used_share(job)
    limit = job.cgroup.limit_bytes
    if not fuse.share or fuse.action is not FuseAction.STOP:
        return None
    if limit is None or headroom is None or used is None or used < fuse.bound - _NEAR:
        return None
    if job.group_usage.held_bytes < used * limit / 2:
        return None
    share = fuse.bound
    if higher is not None:
        share = max(share, higher.bound if higher.share else 1)
    left = round((share - used) * limit)
    return job.cgroup.charge_bytes + left if 0 < left < headroom else None


def is_below_bound(fuse: Fuse, job: JobSnapshot) -> bool:
    """Whether a job whose process was stopped at its bound has not crossed it.

    Then only the sum of several jobs of its cgroup has, or memory that several processes
    share and count; or the bound, a share of the limit, was too low: page cache that was
    dropped between two readings looked like usage.
    """
    if fuse.scope is not FuseScope.JOB:
        return False
    if fuse.share:
        used = used_share(job)
        return used is not None and used < fuse.bound - _TOLERANCE
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
    return replace(
        blown, measured_bytes=max(bound, blown.measured_bytes - off), bound_bytes=bound
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
    used = None if fuse.scope is FuseScope.CHARGE else used_share(job)
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
