"""Which process a firing means, and the incident that begins with it."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from ebpftrace.act.guard import identify
from ebpftrace.act.incident import Incident
from ebpftrace.act.matching import policy_for
from ebpftrace.act.policy import Policy
from ebpftrace.act.relief import held_bytes
from ebpftrace.act.triggers import Firing, More
from ebpftrace.host import proc
from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, Snapshot

_PLACES = ("GOPLSCACHE", "GOCACHE", "TMPDIR")
_PATH_LIMIT = 4096

PART = 1 / 3
"""Who gained or holds less of a job than this is not the one to act on."""

_GAINING = frozenset({"growth", "burst", "leak", "climb", "time_to_limit"})


def aim(
    policies: Sequence[Policy], firing: Firing, snapshot: Snapshot
) -> tuple[JobSnapshot, ProcessSnapshot] | str:
    """The job and the process that is meant, or why there is none.

    Of a whole job that is the process that gained most (or holds most, where it is not
    gain that was judged) of those the policy is for, if that is a third of the job's:
    ending another would not help. Crash monitors and children that still share their
    parent's memory are never meant.
    """
    policy, subject, more = firing.policy, firing.finding.subject, firing.more
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
    in_all = more.size_bytes if more else 0
    gained = job.growth.bytes_60s + in_all
    gains = firing.finding.detector in _GAINING and gained > 0

    def part(one: ProcessSnapshot) -> int:
        size = one.growth.bytes_60s if gains else one.own.held_bytes
        return size + (more.of(one.key) if more else 0)

    process = max(mine, key=part, default=None)
    if process is None:
        return "none of its processes is one that the policy is for"
    if part(process) < PART * (gained if gains else held_bytes(job) + in_all):
        did = "gained" if gains else "holds"
        return f"{process.comm} {process.pid} {did} less than a third of it"
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
    more: More | None,
) -> Incident:
    """The incident; `more` is held by now beyond what the snapshot says.

    GoneError or RefusedError where the process must not be touched.
    """
    target = identify(process.key)
    cleans = any(step.action == "clean" for step in policy.ladder)
    places, user = _places(process.pid) if cleans else ((), -1)
    unix_ns = time.time_ns()
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(unix_ns // 1_000_000_000))
    whole = held_bytes(job) + (more.size_bytes if more else 0)
    own = process.own.held_bytes + (more.of(process.key) if more else 0)
    return Incident(
        id=f"{stamp}-{process.pid}-{os.urandom(3).hex()}",
        policy=policy.name,
        finding=finding,
        job=job.identity,
        target=target,
        comm=process.comm,
        began_ns=now_ns,
        time_ns=unix_ns,
        held_bytes=whole if finding.subject.process is None else own,
        job_held_bytes=whole,
        limit_bytes=job.cgroup.limit_bytes,
        folder=folder,
        curve=curve,
        places=places,
        user=user,
        company=frozenset(one.key for one in job.processes),
    )


def _places(pid: int) -> tuple[tuple[tuple[str, str], ...], int]:
    """Where it keeps its files, as its environment says, and whose process it is.

    Asked now: once it has ended nobody knows.
    """
    environ = proc.read_environ(pid)
    if environ is None:
        return (), -1
    named = ((name, environ.get(name, _PATH_LIMIT)) for name in _PLACES)
    return tuple((name, path) for name, path in named if path), Path(
        f"/proc/{pid}"
    ).stat().st_uid
