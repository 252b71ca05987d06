"""Creates an incident: identifies its target processes as they are now."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.breaker.targets import TargetSelection
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.records import to_the_second
from ebpftrace.act.policy.policy import Policy
from ebpftrace.act.process.cache_dirs import NO_CACHE_DIRS, cache_dirs_of
from ebpftrace.act.process.identity import RefusedError, Target, is_within
from ebpftrace.act.process.ready import ReadyTargets
from ebpftrace.act.trigger.trigger import UsageSinceSnapshot
from ebpftrace.errors import GoneError
from ebpftrace.host import proc
from ebpftrace.host.reading.proc_file import Read, read_start
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import ProcessSnapshot
from ebpftrace.units import MIB, NS_PER_SECOND

_NONE_READY = ReadyTargets()
_WITHOUT_SIGNS = str.maketrans("", "", "-:")


def create_incident(
    policy: Policy,
    finding: Finding,
    selection: TargetSelection,
    *,
    now_ns: int,
    folder_of: Callable[[str], Path | None],
    since_snapshot: UsageSinceSnapshot | None,
    ready: ReadyTargets | None = None,
) -> Incident:
    """Start an incident about the processes of `selection`.

    `now_ns` is CLOCK_MONOTONIC, `folder_of(cgroup path)` the folder of a cgroup.
    GoneError or RefusedError if the process has ended or must not be signalled; other
    members of a group are left out instead.
    """
    job, process = selection.job, selection.process
    gained = since_snapshot.gained_by(process.key) if since_snapshot else 0
    # Only of the process of a breach does the kernel say that it is still in its cgroup.
    breached = since_snapshot is not None and since_snapshot.process == process.key
    known = ready if ready is not None and breached else _NONE_READY
    target = _identified(process, job.identity, folder_of, gained, known)
    cleans = any(ACTIONS[step.action].after_outcome for step in policy.ladder)
    unix_ns = time.time_ns()
    stamp = to_the_second(unix_ns // NS_PER_SECOND).translate(_WITHOUT_SIGNS)
    job_held = since_snapshot.job_held_bytes if since_snapshot else job.held_bytes
    held = process.own.held_bytes + gained
    return Incident(
        id=f"{stamp}Z-{process.pid}-{os.urandom(3).hex()}",
        policy=policy.name,
        finding=finding,
        job=job.identity,
        target=target,
        other_targets=tuple(_all_identified(selection.others, job.identity, folder_of)),
        descendant_names=selection.descendant_names,
        comm=process.comm,
        began_ns=now_ns,
        time_ns=unix_ns,
        held_bytes=job_held if finding.subject.process is None else held,
        job_held_bytes=job_held,
        limit_bytes=job.cgroup.limit_bytes,
        cgroup_folder=folder_of(job.identity.cgroup),
        held_curve=job.held_curve,
        charge_curve=job.charge_curve,
        cache_dirs=cache_dirs_of(process.pid) if cleans else NO_CACHE_DIRS,
        initial_processes=frozenset(member.key for member in job.processes),
    )


def _identified(
    process: ProcessSnapshot,
    job: JobIdentity,
    folder_of: Callable[[str], Path | None],
    gained_bytes: int = 0,
    ready: ReadyTargets = _NONE_READY,
) -> Target:
    """The process as it is now.

    RefusedError if it changed its cgroup for one that is not its job's, or its program,
    since the snapshot. exec sets the name last (begin_new_exec in the kernel's exec.c), so
    the name is read last; a process that still holds its memory has only renamed itself.
    Another namespace may show a cgroup under another path, so its inode is compared as well.
    """
    target = ready.identify(process.key, job.given_path)
    if target.cgroup != job.cgroup and not is_within(target.cgroup, job.given_path):
        folder = folder_of(target.cgroup)
        try:
            inode = job.cgroup_id if folder is None else folder.stat().st_ino
        except OSError:
            inode = job.cgroup_id  # not visible: assume the same
        if inode != job.cgroup_id:
            raise RefusedError(f"{process.pid} moved to the cgroup {target.cgroup}")
    if has_new_name(process, ready.files.read) and not _holds_half(process, gained_bytes):
        raise RefusedError(f"{process.pid} was {process.comm} and has another name now")
    return target


def has_new_name(process: ProcessSnapshot, read: Read = read_start) -> bool:
    """Whether a process has called exec since the snapshot, by its name, or renamed itself."""
    name = proc.read_comm(process.pid, read=read)
    return name is not None and name != process.comm


def _holds_half(process: ProcessSnapshot, gained_bytes: int) -> bool:
    """Whether it has half of what was judged: a new program begins with next to nothing."""
    judged = process.own.held_bytes + gained_bytes
    now = proc.read_status(process.pid)
    if now is None or judged < MIB:
        return False
    return 2 * (now.anon_bytes + now.shmem_bytes + now.swap_bytes) >= judged


def _all_identified(
    processes: Iterable[ProcessSnapshot],
    job: JobIdentity,
    folder_of: Callable[[str], Path | None],
) -> Iterator[Target]:
    for process in processes:
        try:
            yield _identified(process, job, folder_of)
        except (GoneError, RefusedError):
            continue
