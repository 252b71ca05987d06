"""A job as it is at a breach, from a reading of its cgroup alone.

The last snapshot may be seconds old, and what others of the cgroup gave back since is room
again. A whole tick would be too late for who is about to reach the limit.
"""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ebpftrace.counters import CgroupContents, Usage
from ebpftrace.events import GroupReading
from ebpftrace.host.memstat import read_contents
from ebpftrace.judge.samples import Sample
from ebpftrace.ledger import JobSnapshot, Snapshot

_LAG_BYTES = 2 * 64 * os.sysconf("SC_PAGE_SIZE") * (os.cpu_count() or 1)
"""How far memory.stat may be behind: a batch of MEMCG_CHARGE_BATCH pages that each CPU keeps
to itself, and as much again before a reader has them summed up (mm/memcontrol.c,
memcg_vmstats_needs_flush)."""


def alone(snapshot: Snapshot) -> frozenset[int]:
    """The cgroups that serve one job, by id."""
    sharing = Counter(job.identity.cgroup_id for job in snapshot.jobs)
    return frozenset(cgroup for cgroup, jobs in sharing.items() if jobs == 1)


def refresh_job(
    job: JobSnapshot, reading: GroupReading, contents: CgroupContents | None, *, alone: bool
) -> JobSnapshot:
    """The job with what was read now. Its rates and its processes' are the snapshot's.

    Who started since has no place among its processes, but counts where the job is `alone`
    in its cgroup.
    """
    there = reading.processes
    processes = tuple(
        replace(one, counters=there[one.key]) for one in job.processes if one.key in there
    )
    every = there.values() if alone else (one.counters for one in processes)
    usage = sum((one.usage.less(one.inherited) for one in every), Usage())
    if alone and reading.partial:
        off = reading.held_bytes - usage.held_bytes
        usage = replace(usage, anon_bytes=max(0, usage.anon_bytes + off))
    cgroup = replace(reading.counters, contents=contents, pressure=job.cgroup.pressure)
    return replace(job, processes=processes, usage=usage, cgroup=cgroup)


def contents_now(
    cgroup_id: int, snapshot: Snapshot, folder: Callable[[str], Path | None]
) -> CgroupContents | None:
    """What a cgroup's memory.stat says now; None of the root, or where it is not to be seen.

    `folder(cgroup path)` says where a cgroup's files are.
    """
    cgroups = {one.identity.cgroup_id: one.identity.cgroup for one in snapshot.jobs}
    path = cgroups.get(cgroup_id, "/")
    there = None if path == "/" else folder(path)
    return None if there is None else read_contents(there)


def correct_stat_lag(fresh: Sample, last: Sample, more_bytes: int) -> Sample:
    """`fresh`, without the lag of memory.stat: since `last`, so much more was counted exactly.

    A sample that is further off than the lag stays as it is: others gave something back.
    """
    short = last.held_bytes + more_bytes - fresh.held_bytes
    if 0 < short <= _LAG_BYTES:
        fresh = replace(fresh, anon_bytes=fresh.anon_bytes + short)
    if fresh.room_bytes is not None and last.room_bytes is not None:
        room = last.room_bytes - more_bytes
        if 0 < fresh.room_bytes - room <= _LAG_BYTES:
            fresh = replace(fresh, room_bytes=room)
    return fresh
