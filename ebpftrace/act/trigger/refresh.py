"""Updates a job from a reading of its cgroup, taken at a breach.

The last snapshot may be seconds old, and the other processes of the cgroup may have freed
memory since. Waiting for the next tick would be too late for a process near the limit.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ebpftrace.counters import CgroupContents, ProcessCounters, Usage
from ebpftrace.events import GroupReading
from ebpftrace.host.memstat import confirmed_now, read_contents
from ebpftrace.host.reading.proc_file import Read, read_start
from ebpftrace.judge.sample import Sample
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, Snapshot
from ebpftrace.limits import with_contents_of
from ebpftrace.units import PAGE_SIZE

_LAG_BYTES = 2 * 64 * PAGE_SIZE * (os.cpu_count() or 1)
"""How far memory.stat may lag: each CPU keeps a batch of MEMCG_CHARGE_BATCH pages to itself,
and as much again may wait to be flushed (mm/memcontrol.c, memcg_vmstats_needs_flush)."""


def refresh_job(
    job: JobSnapshot, reading: GroupReading, contents: CgroupContents | None
) -> JobSnapshot:
    """The job with the usage of `reading`. Its growth rates remain those of the snapshot.

    A process that started since the snapshot is not added to the job's processes; its usage
    counts if the job is alone in its cgroup.
    """
    read = reading.processes
    processes = tuple(
        _refresh(process, read[process.key]) for process in job.processes if process.key in read
    )
    counters = read.values() if job.alone else (process.counters for process in processes)
    usage = sum((counted.usage.less(counted.inherited) for counted in counters), Usage())
    if job.alone and reading.partial:
        missing = reading.held_bytes - usage.held_bytes
        usage = replace(usage, anon_bytes=max(0, usage.anon_bytes + missing))
    cgroup = with_contents_of(reading.counters, job.cgroup)
    if contents is not None:
        contents = contents.with_droppable(cgroup.droppable_bytes)
    cgroup = cgroup._replace(contents=contents, pressure=job.cgroup.pressure)
    group = usage
    if not job.alone:
        gained = reading.held_bytes - job.group_usage.held_bytes
        anon_bytes = max(0, job.group_usage.anon_bytes + gained)
        group = replace(job.group_usage, anon_bytes=anon_bytes)
    return replace(job, processes=processes, usage=usage, group_usage=group, cgroup=cgroup)


def _refresh(process: ProcessSnapshot, now: ProcessCounters) -> ProcessSnapshot:
    """What a process gained since its start includes what it gained since the snapshot."""
    now = _still_shared(process.counters, now)
    gained = now.usage.less(now.inherited).held_bytes - process.own.held_bytes
    growth = process.growth._replace(bytes_total=process.growth.bytes_total + gained)
    return replace(process, counters=now, growth=growth)


def _still_shared(before: ProcessCounters, now: ProcessCounters) -> ProcessCounters:
    """`now`, where what a parent gave back since the snapshot, or left, is no gain."""
    if now.inherited.held_bytes >= before.inherited.held_bytes:
        return now
    return now._replace(inherited=before.inherited)


def contents_now(files: Path | None, read: Read = read_start) -> CgroupContents | None:
    """The current memory.stat of the cgroup of this folder; None if it is not visible."""
    contents = None if files is None else read_contents(files, read)
    return confirmed_now(contents, files) if contents and files else None


def files_of(
    cgroup_id: int, snapshot: Snapshot, folder: Callable[[str], Path | None]
) -> Path | None:
    """The folder of a cgroup; None for the root, which has no memory.stat of its own.

    `folder(cgroup path)` is the folder of a cgroup.
    """
    identities = (job.identity for job in snapshot.jobs)
    path = next((it.cgroup for it in identities if it.cgroup_id == cgroup_id), "/")
    return None if path == "/" else folder(path)


def correct_stat_lag(fresh: Sample, last: Sample, gained_bytes: int) -> Sample:
    """`fresh` without the lag of memory.stat; `gained_bytes` is the exact gain since `last`.

    A sample that is further off than the lag is unchanged: other processes freed memory.
    """
    missing = last.held_bytes + gained_bytes - fresh.held_bytes
    if 0 < missing <= _LAG_BYTES:
        fresh = fresh._replace(anon_bytes=fresh.anon_bytes + missing)
    if fresh.room_bytes is not None and last.room_bytes is not None:
        room = last.room_bytes - gained_bytes
        if 0 < fresh.room_bytes - room <= _LAG_BYTES:
            fresh = fresh._replace(room_bytes=room)
    return fresh
