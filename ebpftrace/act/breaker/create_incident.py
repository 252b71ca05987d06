"""The incident that begins: whom it is about, as they are now."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.breaker.targets import TargetSelection
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.policy.policy import Policy
from ebpftrace.act.process.cache_dirs import NO_CACHE_DIRS, places_of
from ebpftrace.act.process.identity import RefusedError, Target, identify
from ebpftrace.act.trigger.trigger import UsageSinceSnapshot
from ebpftrace.errors import GoneError
from ebpftrace.host import proc
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import ProcessSnapshot
from ebpftrace.ledger.held import held_bytes


def create_incident(
    policy: Policy,
    finding: Finding,
    aimed: TargetSelection,
    *,
    now_ns: int,
    folder_of: Callable[[str], Path | None],
    curve: tuple[tuple[int, int, int], ...],
    more: UsageSinceSnapshot | None,
) -> Incident:
    """The incident; `more` is what is held by now, where the snapshot is of before.

    `folder_of(cgroup path)` says where a cgroup's files are. GoneError or RefusedError
    where the process must not be touched; of the others, those are left out.
    """
    job, process = aimed.job, aimed.process
    target = _identified(process, job.identity, folder_of)
    cleans = any(ACTIONS[step.action].after_outcome for step in policy.ladder)
    unix_ns = time.time_ns()
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(unix_ns // 1_000_000_000))
    whole = more.job_held_bytes if more else held_bytes(job)
    own = process.own.held_bytes + (more.of(process.key) if more else 0)
    return Incident(
        id=f"{stamp}-{process.pid}-{os.urandom(3).hex()}",
        policy=policy.name,
        finding=finding,
        job=job.identity,
        target=target,
        other_targets=tuple(_all_identified(aimed.others, job.identity, folder_of)),
        descendant_names=aimed.kin,
        comm=process.comm,
        began_ns=now_ns,
        time_ns=unix_ns,
        held_bytes=whole if finding.subject.process is None else own,
        job_held_bytes=whole,
        limit_bytes=job.cgroup.limit_bytes,
        cgroup_folder=folder_of(job.identity.cgroup),
        curve=curve,
        cache_dirs=places_of(process.pid) if cleans else NO_CACHE_DIRS,
        initial_processes=frozenset(one.key for one in job.processes),
    )


def _identified(
    process: ProcessSnapshot, job: JobIdentity, folder_of: Callable[[str], Path | None]
) -> Target:
    """As it is now; RefusedError if it has left its job or its program since the snapshot.

    A program's name is there last (begin_new_exec in the kernel's exec.c), so it is read last.
    Paths of one cgroup may be written in two ways where it is seen from another namespace,
    so its inode is asked as well.
    """
    target = identify(process.key)
    if target.cgroup != job.cgroup:
        folder = folder_of(target.cgroup)
        try:
            inode = job.cgroup_id if folder is None else folder.stat().st_ino
        except OSError:
            inode = job.cgroup_id  # not to be seen from here: nothing speaks against it
        if inode != job.cgroup_id:
            raise RefusedError(f"{process.pid} moved to the cgroup {target.cgroup}")
    if became_another(process):
        raise RefusedError(f"{process.pid} was {process.comm}, and has another name now")
    return target


def became_another(process: ProcessSnapshot) -> bool:
    """Whether it has another name than the books have: they have yet to hear of its exec."""
    name = proc.read_comm(process.pid)
    return name is not None and name != process.comm


def _all_identified(
    processes: Iterable[ProcessSnapshot],
    job: JobIdentity,
    folder_of: Callable[[str], Path | None],
) -> Iterator[Target]:
    for one in processes:
        try:
            yield _identified(one, job, folder_of)
        except (GoneError, RefusedError):
            continue
