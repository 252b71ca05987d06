"""Which process a firing means, and the incident that begins with it."""

import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from ebpftrace.act.guard import identify
from ebpftrace.act.incident import Incident
from ebpftrace.act.matching import policy_for
from ebpftrace.act.policy import Policy
from ebpftrace.act.relief import held_bytes
from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, Snapshot

PART = 1 / 3
"""Who holds less of a job than this is not the one to act on, whatever its name."""


def aim(
    policies: Sequence[Policy], policy: Policy, finding: Finding, snapshot: Snapshot
) -> tuple[JobSnapshot, ProcessSnapshot] | str:
    """The job and the process that is meant, or why there is none.

    Of a whole job that is the process that holds most of those the policy is for, if it
    holds a third of it: ending a small one would not help. Crash monitors and children
    that still share their parent's memory are never meant.
    """
    subject = finding.subject
    job = next((one for one in snapshot.jobs if one.identity.key == subject.job.key), None)
    if job is None:
        return "the job is gone"
    mine = [
        one
        for one in job.processes
        if one.state == "running"
        and not one.role
        and policy_for(policies, one.comm, job.identity) is policy
    ]
    if subject.process is not None:
        process = next((one for one in mine if one.key == subject.process), None)
        return (job, process) if process is not None else "the process is gone"
    process = max(mine, key=lambda one: one.own.held_bytes, default=None)
    if process is None:
        return "none of its processes is one that the policy is for"
    if process.own.held_bytes < held_bytes(job) * PART:
        return f"{process.comm} {process.pid} holds less than a third of it"
    return job, process


def begin(
    policy: Policy,
    finding: Finding,
    job: JobSnapshot,
    process: ProcessSnapshot,
    *,
    now_ns: int,
    folder: Path | None,
    curve: tuple[tuple[int, int, int], ...],
) -> Incident:
    """The incident. GoneError or RefusedError where the process must not be touched."""
    unix_ns = time.time_ns()
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(unix_ns // 1_000_000_000))
    whole = held_bytes(job)
    return Incident(
        id=f"{stamp}-{process.pid}-{secrets.token_hex(3)}",
        policy=policy.name,
        finding=finding,
        job=job.identity,
        target=identify(process.key),
        comm=process.comm,
        began_ns=now_ns,
        time_ns=unix_ns,
        held_bytes=whole if finding.subject.process is None else process.own.held_bytes,
        job_held_bytes=whole,
        limit_bytes=job.cgroup.limit_bytes,
        folder=folder,
        curve=curve,
        company=frozenset(one.key for one in job.processes),
    )
