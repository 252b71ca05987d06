"""The tables of the history, and how a file of an older version gets them.

`PRAGMA user_version` is the number of migrations that a file has had. A new version adds a
migration at the end and never changes an earlier one.
"""

import sqlite3

from ebpftrace.errors import HistoryError

_FIRST = (
    """CREATE TABLE jobs (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        place TEXT NOT NULL,
        runs INTEGER NOT NULL DEFAULT 0,
        newest_ns INTEGER NOT NULL DEFAULT 0
    )""",
    """CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        job_id INTEGER NOT NULL REFERENCES jobs(id),
        watch_key TEXT NOT NULL,
        start_ns INTEGER NOT NULL,
        duration_ns INTEGER NOT NULL,
        limit_bytes INTEGER,
        peak_bytes INTEGER NOT NULL,
        run_end TEXT NOT NULL,
        measured TEXT NOT NULL,
        curve BLOB NOT NULL,
        programs TEXT NOT NULL
    )""",
    "CREATE INDEX runs_of_job ON runs (job_id, start_ns)",
    "CREATE INDEX runs_by_age ON runs (start_ns)",
    "CREATE INDEX jobs_by_age ON jobs (newest_ns)",
    "CREATE INDEX jobs_with_few_runs ON jobs (runs, newest_ns)",
    """CREATE TRIGGER run_added AFTER INSERT ON runs BEGIN
        UPDATE jobs SET runs = runs + 1, newest_ns = max(newest_ns, NEW.start_ns)
        WHERE id = NEW.job_id;
    END""",
    """CREATE TRIGGER run_removed AFTER DELETE ON runs BEGIN
        UPDATE jobs SET runs = runs - 1 WHERE id = OLD.job_id;
        DELETE FROM jobs WHERE id = OLD.job_id AND runs = 0;
    END""",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST,)


_TABLES = {"jobs", "runs"}


def require_history(connection: sqlite3.Connection) -> None:
    """HistoryError if the file is another program's database, which is to stay as it is.

    An empty file is none. The tables are read before the version: they come with it.
    """
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    tables = {name for (name,) in rows}
    if tables and not (tables >= _TABLES and _version(connection)):
        raise HistoryError(
            "the history file is the database of another program",
            why=f"its tables are not those of a history: {', '.join(sorted(_TABLES))}",
            fix="name another file: --history FILE",
        )


def migrate(
    connection: sqlite3.Connection, migrations: tuple[tuple[str, ...], ...] = MIGRATIONS
) -> None:
    """Bring the file to this version's tables; HistoryError if a newer version made it.

    Either all of it is done or nothing; two programs that do it at once wait for each other.
    """
    if _version(connection) == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        before = _version(connection)
        if before > len(migrations):
            raise HistoryError(
                "the history was written by a newer ebpftrace",
                why=f"its version is {before}, and this one knows {len(migrations)}",
                fix="update ebpftrace, or name another file: --history FILE",
            )
        for statements in migrations[before:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version
