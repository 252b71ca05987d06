"""Drops what is above the bounds of a history.

A job can invent names, each a job of its own with a single run. So when there is no more
room, jobs with one run go first, the oldest first: a flood of names pushes out its own.
"""

import sqlite3

from ebpftrace.history.run import RunEnd
from ebpftrace.history.store import StoreBounds
from ebpftrace.units import NS_PER_SECOND

_DAY_NS = 24 * 3600 * NS_PER_SECOND
_AT_ONCE = 16  # jobs

_NOT_CLEAN = (
    "DELETE FROM runs WHERE id IN (SELECT id FROM runs WHERE job_id = ? AND run_end != ? "
    "ORDER BY start_ns DESC LIMIT -1 OFFSET ?)"
)
_TOO_MANY = (
    "DELETE FROM runs WHERE id IN (SELECT id FROM runs WHERE job_id = ? "
    "ORDER BY start_ns DESC LIMIT -1 OFFSET ?)"
)
_ONE_RUN = "SELECT id FROM jobs WHERE runs = 1 AND id != ? ORDER BY newest_ns LIMIT ?"
_OLDEST = "SELECT id FROM jobs WHERE id != ? ORDER BY newest_ns LIMIT ?"


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
        _drop_jobs(connection, job_id, jobs - bounds.jobs)
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
    victims = connection.execute(_ONE_RUN, (kept_id, count)).fetchall()
    if not victims:
        victims = connection.execute(_OLDEST, (kept_id, count)).fetchall()
    connection.executemany("DELETE FROM runs WHERE job_id = ?", victims)
    return bool(victims)
