"""Past runs in an SQLite file on the node."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from ebpftrace.history import eviction
from ebpftrace.history.failures import explained
from ebpftrace.history.file import require_private
from ebpftrace.history.recurring import RecurringJob
from ebpftrace.history.rows import JOB_COLUMNS, RUN_COLUMNS, job_from, run_from, run_values
from ebpftrace.history.run import Run
from ebpftrace.history.schema import migrate, require_history
from ebpftrace.history.store import JobEntry, StoreBounds
from ebpftrace.units import NS_PER_SECOND

_BUSY_SECONDS = 2.0
_SETTINGS = (
    "journal_mode = WAL",  # a reader and a writer do not wait for each other
    "synchronous = NORMAL",
    "journal_size_limit = 4194304",
    "cache_size = -1024",  # KiB
    "trusted_schema = OFF",
)
_SAME_RUN_NS = 2 * NS_PER_SECOND

_RUNS_OF_JOB = (
    f"SELECT {RUN_COLUMNS} FROM runs WHERE job_id = (SELECT id FROM jobs WHERE key = ?) "
    "ORDER BY start_ns DESC"
)
_JOBS = (
    f"SELECT {JOB_COLUMNS}, jobs.runs, {RUN_COLUMNS} FROM jobs JOIN runs ON runs.id = "
    "(SELECT id FROM runs WHERE job_id = jobs.id ORDER BY start_ns DESC LIMIT 1) "
    "ORDER BY newest_ns DESC LIMIT ?"
)
_SEEN_TWICE = (
    "SELECT 1 FROM runs WHERE job_id = ? AND start_ns BETWEEN ? AND ? "
    "AND watch_key = ? AND measured = ?"
)


class SqliteStore:
    """A `Store`. `clock` is Unix time in ns, by which runs become too old."""

    def __init__(
        self,
        file: Path,
        bounds: StoreBounds = StoreBounds(),  # noqa: B008 - it is frozen
        *,
        make: bool = True,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """Raises what `require_private` does; HistoryError if the file cannot be used."""
        require_private(file, make=make)
        self.file = file
        self._bounds = bounds
        self._clock = clock
        with explained(file), contextlib.ExitStack() as stack:
            self._db = sqlite3.connect(
                f"file:{quote(str(file.absolute()))}?mode=rw",
                uri=True, timeout=_BUSY_SECONDS, isolation_level=None,
            )  # fmt: skip
            stack.callback(self._db.close)
            require_history(self._db)
            for setting in _SETTINGS:
                self._db.execute(f"PRAGMA {setting}")
            migrate(self._db)
            stack.pop_all()

    def __enter__(self) -> "SqliteStore":
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def add(self, run: Run) -> None:
        """See `Store`."""
        with explained(self.file), self._transaction():
            job = run.job
            (job_id,) = self._one(
                f"INSERT INTO jobs ({JOB_COLUMNS}) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET name = excluded.name RETURNING id",
                job.key, job.name, job.kind, job.place,
            )  # fmt: skip
            near = run.start_time_ns - _SAME_RUN_NS, run.start_time_ns + _SAME_RUN_NS
            if self._one(_SEEN_TWICE, job_id, *near, run.watch_key, run.measured) != ():
                return
            values = run_values(run)
            marks = ", ".join("?" * (1 + len(values)))
            self._db.execute(
                f"INSERT INTO runs (job_id, {RUN_COLUMNS}) VALUES ({marks})", (job_id, *values)
            )
            eviction.drop_surplus(self._db, job_id, self._bounds, self._clock())

    def runs(self, job_key: str) -> tuple[Run, ...]:
        """See `Store`."""
        with explained(self.file):
            found = self._one(f"SELECT {JOB_COLUMNS} FROM jobs WHERE key = ?", job_key)
            if not found:
                return ()
            job = job_from(found)
            rows = self._db.execute(_RUNS_OF_JOB, (job_key,))
            return tuple(run_from(job, row) for row in rows)

    def jobs(self, limit: int) -> tuple[JobEntry, ...]:
        """See `Store`."""
        with explained(self.file):
            return tuple(
                JobEntry(job := job_from(row[:4]), row[4], run_from(job, row[5:]))
                for row in self._db.execute(_JOBS, (limit,))
            )

    def named(self, name: str) -> tuple[RecurringJob, ...]:
        """See `Store`."""
        with explained(self.file):
            rows = self._db.execute(
                f"SELECT {JOB_COLUMNS} FROM jobs WHERE name = ? OR key = ? "
                "ORDER BY newest_ns DESC",
                (name, name),
            )
            return tuple(map(job_from, rows))

    def forget(self, job_key: str) -> int:
        """See `Store`."""
        with explained(self.file), self._transaction():
            return self._db.execute(
                "DELETE FROM runs WHERE job_id = (SELECT id FROM jobs WHERE key = ?)",
                (job_key,),
            ).rowcount

    def close(self) -> None:
        """See `Store`."""
        with explained(self.file):
            self._db.close()

    def _one(self, statement: str, *values: object) -> tuple[Any, ...]:
        """The first row; () if there is none."""
        row: tuple[Any, ...] | None = self._db.execute(statement, values).fetchone()
        return () if row is None else row

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # SQLite may have rolled back already
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
