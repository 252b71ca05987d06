"""Drops what is above the bounds of a history.

A job can invent names, each a job of its own, and run each as often as it likes. So when
there is no more room, a job goes that is in the place with the most of them: a job cannot
leave its own place, and a flood of names pushes out its own. Of that place the jobs with the
fewest runs go first, the oldest first.
"""

import sqlite3
from collections import defaultdict

from ebpftrace.history.recurring import place_parts
from ebpftrace.history.run import RunEnd
from ebpftrace.history.store import StoreBounds
from ebpftrace.units import NS_PER_SECOND

_DAY_NS = 24 * 3600 * NS_PER_SECOND
_AT_ONCE = 32  # jobs of one place
_SPARE = 400  # so that not each further run needs a look at all jobs

_NOT_CLEAN = (
    "DELETE FROM runs WHERE id IN (SELECT id FROM runs WHERE job_id = ? AND run_end != ? "
    "ORDER BY start_ns DESC LIMIT -1 OFFSET ?)"
)
_TOO_MANY = (
    "DELETE FROM runs WHERE id IN (SELECT id FROM runs WHERE job_id = ? "
    "ORDER BY start_ns DESC LIMIT -1 OFFSET ?)"
)
_JOBS = "SELECT id, key FROM jobs WHERE id != ? ORDER BY runs, newest_ns"
_DEPTH = 32  # levels of cgroups at most


def drop_surplus(
    connection: sqlite3.Connection, job_id: int, bounds: StoreBounds, now_ns: int
) -> None:
    """To be called in the transaction that added a run of this job, which stays."""
    most = bounds.runs_of_job
    connection.execute(_NOT_CLEAN, (job_id, RunEnd.OK.value, max(1, most // 2)))
    connection.execute(_TOO_MANY, (job_id, most))
    connection.execute(
        "DELETE FROM runs WHERE start_ns < ? AND job_id != ?",
        (now_ns - bounds.days * _DAY_NS, job_id),
    )
    (jobs,) = connection.execute("SELECT count(*) FROM jobs").fetchone()
    if jobs > bounds.jobs:
        _drop_jobs(connection, job_id, jobs - bounds.jobs + bounds.jobs // _SPARE)
    while used_bytes(connection) > bounds.size_bytes:
        if not _drop_jobs(connection, job_id, _AT_ONCE):
            return  # there is no other job


def used_bytes(connection: sqlite3.Connection) -> int:
    """What the tables and indexes take; pages that are free are used again."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    taken: int = (pages - free) * size
    return taken


def _drop_jobs(connection: sqlite3.Connection, kept_id: int, count: int) -> bool:
    rows = connection.execute(_JOBS, (kept_id,)).fetchall()
    jobs = [(job_id, place_parts(key)) for job_id, key in rows]
    dropped = 0
    while dropped < count and jobs:
        victims = set(_most_crowded(jobs)[: min(count - dropped, _AT_ONCE)])
        connection.executemany(
            "DELETE FROM runs WHERE job_id = ?", [(victim,) for victim in victims]
        )
        jobs = [job for job in jobs if job[0] not in victims]
        dropped += len(victims)
    return dropped > 0


def _most_crowded(jobs: list[tuple[int, tuple[str, ...]]]) -> list[int]:
    """The jobs of the place with the most, in their order.

    From the root on, the cgroup with the most jobs is chosen at each level, so that a job gains
    nothing by many cgroups below its own.
    """
    for depth in range(_DEPTH):
        if not any(len(place) > depth for _job_id, place in jobs):
            break
        below: defaultdict[str, list[tuple[int, tuple[str, ...]]]] = defaultdict(list)
        for job in jobs:
            below["".join(job[1][depth : depth + 1])].append(job)
        if len(below) > 1:
            jobs = max(below.values(), key=len)
    return [job_id for job_id, _place in jobs]
