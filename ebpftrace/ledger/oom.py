"""Whose kill it was, and how often the kernel's own count was told already."""

from dataclasses import replace

from ebpftrace.events import JobIdentity, OomKilled
from ebpftrace.ledger.accounts import JobAccount, ProcessAccount
from ebpftrace.ledger.register import JobRegister


def book_kill(
    event: OomKilled,
    identity: JobIdentity | None,
    victim: ProcessAccount | None,
    jobs: JobRegister,
) -> JobAccount | None:
    """Count the kill against its job, which is returned; None where it is a stranger's.

    The event's counters are those of the victim's cgroup, with this kill in them. Jobs
    that share the cgroup will read the same count: for them it is a kill elsewhere.
    """
    job = victim.job if victim else _job_of_untracked(event, identity, jobs)
    if job is None:
        return None
    job.kills_seen += 1
    for one in {job, *jobs.in_cgroup(event.cgroup_id)}:
        if one.baseline is not None:
            one.kills_elsewhere += one is not job
        elif event.cgroup.oom_kills:
            one.see_cgroup(event.cgroup)
            if one is job:
                one.baseline = replace(event.cgroup, oom_kills=event.cgroup.oom_kills - 1)
    return job


def _job_of_untracked(
    event: OomKilled, identity: JobIdentity | None, jobs: JobRegister
) -> JobAccount | None:
    candidates = jobs.in_cgroup(event.cgroup_id)
    if candidates:
        known = identity.key if identity else ""
        named = (one for one in candidates if one.identity.key == known)
        return next(named, candidates[-1])
    if event.tracked and identity is not None:  # its start was lost
        return jobs.job(identity, event.time_ns)
    return None
