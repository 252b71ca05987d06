import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ebpftrace.errors import GoneError, HistoryError
from ebpftrace.history import schema
from ebpftrace.history.recurring import RecurringJob
from ebpftrace.history.run import ProgramVersion, Run, RunEnd
from ebpftrace.history.schema import MIGRATIONS, migrate
from ebpftrace.history.sqlite_store import _RUNS_OF_JOB, SqliteStore
from ebpftrace.history.store import StoreBounds
from ebpftrace.units import KIB, NS_PER_SECOND
from tests.support.runs import CLIMB, JOB, run

NOW_NS = 1_700_000_000 * NS_PER_SECOND
DAY_NS = 24 * 3600 * NS_PER_SECOND


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "history.db"


@pytest.fixture
def store(file: Path) -> Iterator[SqliteStore]:
    with SqliteStore(file, clock=lambda: NOW_NS) as opened:
        yield opened


def bounded(file: Path, **bounds: int) -> SqliteStore:
    return SqliteStore(file, StoreBounds()._replace(**bounds), clock=lambda: NOW_NS)


def job(name: str) -> RecurringJob:
    return JOB._replace(key=f"key of {name}", name=name)


def at(minute: int, **changes: Any) -> Run:
    """A run that started so many minutes before now."""
    changes.setdefault("watch_key", f"run {minute}")
    return run(start_time_ns=NOW_NS - minute * 60 * NS_PER_SECOND, **changes)


def names(store: SqliteStore) -> list[str]:
    return [entry.job.name for entry in store.jobs(100_000)]


def test_a_run_is_read_as_it_was_written(store: SqliteStore) -> None:
    programs = (ProgramVersion("gopls", "v0.20.0"), ProgramVersion("cc1plus"))
    written = at(0, programs=programs, end=RunEnd.OOM_KILLED, limit_bytes=None)
    store.add(written)
    (read,) = store.runs(JOB.key)
    assert read == written
    assert len(read.curve) == len(CLIMB)


def test_held_bytes_are_rounded_up_to_the_next_kib(store: SqliteStore) -> None:
    store.add(run([(0.123, 0.0001)]))
    (point,) = store.runs(JOB.key)[0].curve
    assert point == (0.12, KIB)


def test_two_watches_that_see_the_same_run_add_it_once(store: SqliteStore) -> None:
    store.add(at(0))
    store.add(at(0)._replace(start_time_ns=NOW_NS + NS_PER_SECOND))
    assert len(store.runs(JOB.key)) == 1
    store.add(at(0, measured="v1 processes comm gopls"))
    store.add(at(0, watch_key="a leg of the matrix that started at the same time"))
    assert len(store.runs(JOB.key)) == 3


def test_runs_of_a_job_are_bounded(file: Path) -> None:
    with bounded(file, runs_of_job=4) as store:
        for minute in range(9, 0, -1):
            store.add(at(minute))
        assert [read.watch_key for read in store.runs(JOB.key)] == [
            "run 1", "run 2", "run 3", "run 4",
        ]  # fmt: skip
        assert store.jobs(1)[0].runs == 4


def test_runs_that_failed_do_not_push_out_the_clean_ones(file: Path) -> None:
    with bounded(file, runs_of_job=6) as store:
        for minute in range(90, 84, -1):
            store.add(at(minute))
        for minute in range(80, 0, -1):
            store.add(at(minute, end=RunEnd.FAILED))
        clean = [read.clean for read in store.runs(JOB.key)]
        assert clean == [False] * 3 + [True] * 3


def test_old_runs_go(file: Path) -> None:
    old = at(0, job=job("old"))
    with bounded(file, days=90) as store:
        store.add(old._replace(start_time_ns=NOW_NS - 91 * DAY_NS))
        store.add(old._replace(start_time_ns=NOW_NS - 89 * DAY_NS))
        store.add(old._replace(job=job("older"), start_time_ns=NOW_NS - 95 * DAY_NS))
        store.add(at(0))
        assert names(store) == [JOB.name, "old"]
        assert len(store.runs("key of old")) == 1


def test_a_flood_of_names_pushes_out_its_own(file: Path) -> None:
    with bounded(file, jobs=100) as store:
        for minute in (10_000, 9_999):
            store.add(at(minute))
        for number in range(1000):
            store.add(at(2000 - number, job=job(f"made up {number}")))
        left = names(store)
        assert len(left) == 100
        assert JOB.name in left
        assert left[:2] == ["made up 999", "made up 998"]
        assert len(store.runs(JOB.key)) == 2


def test_a_new_job_finds_room_where_all_others_have_several_runs(file: Path) -> None:
    with bounded(file, jobs=2) as store:
        for name, minute in (("a", 50), ("b", 40)):
            store.add(at(minute, job=job(name)))
            store.add(at(minute - 1, job=job(name)))
        store.add(at(1, job=job("new")))
        assert names(store) == ["new", "b"]


def test_bytes_are_bounded(file: Path) -> None:
    bound = 256 * KIB
    with bounded(file, size_bytes=bound) as store:
        store.add(at(9_999))
        store.add(at(9_998))
        for number in range(1500):
            store.add(at(2000 - number, job=job(f"made up {number}")))
        assert len(store.runs(JOB.key)) == 2
        assert 100 < len(names(store)) < 1000
    assert file.stat().st_size < 2 * bound


def test_a_run_is_found_by_an_index(store: SqliteStore) -> None:
    """However many there are: no step of the plan looks at all rows, and none sorts."""
    plan = store._db.execute(f"EXPLAIN QUERY PLAN {_RUNS_OF_JOB}", ("key",)).fetchall()
    steps = [row[3] for row in plan]
    assert any("SEARCH runs USING INDEX runs_of_job (job_id=?)" in step for step in steps)
    assert any("SEARCH jobs USING" in step and "(key=?)" in step for step in steps)
    assert not any("SCAN" in step.replace("SCALAR", "") or "SORT" in step for step in steps)


def test_the_file_is_its_owners_alone(store: SqliteStore, file: Path) -> None:
    store.add(at(0))
    files = sorted(file.parent.iterdir())
    assert len(files) == 3  # with the write-ahead log and its index
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert file.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("which", ["file", "folder"])
@pytest.mark.parametrize("mode", [0o020, 0o002])
def test_what_others_may_write_is_refused(file: Path, which: str, mode: int) -> None:
    SqliteStore(file).close()
    path = file if which == "file" else file.parent
    path.chmod(path.stat().st_mode | mode)
    with pytest.raises(HistoryError, match="other users may write") as caught:
        SqliteStore(file)
    assert str(path) in caught.value.why
    assert "chmod go-w" in caught.value.fix


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_belongs_to_another_user_is_refused(file: Path) -> None:
    SqliteStore(file).close()
    os.chown(file, 65534, 65534)
    with pytest.raises(HistoryError, match="other users may write"):
        SqliteStore(file)


def test_a_symbolic_link_is_refused(file: Path, tmp_path: Path) -> None:
    file.parent.mkdir(mode=0o700)
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HistoryError, match="not a regular file"):
        SqliteStore(file)
    assert not (tmp_path / "elsewhere").exists()


def test_a_missing_file_is_made_for_a_watch_only(file: Path) -> None:
    with pytest.raises(GoneError, match="there is no history"):
        SqliteStore(file, make=False)
    assert not file.parent.exists()
    SqliteStore(file).close()
    SqliteStore(file, make=False).close()


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_file_is_explained(file: Path, seed: int) -> None:
    with SqliteStore(file) as store:
        for minute in range(20):
            store.add(at(minute))
    size = file.stat().st_size
    file.write_bytes(file.read_bytes()[:200] + Random(seed).randbytes(size - 200))
    with pytest.raises(HistoryError, match="is damaged") as caught:
        SqliteStore(file).runs(JOB.key)
    assert caught.value.fix == f"move it away: mv {file} {file}.damaged"


def test_another_file_is_no_history(file: Path) -> None:
    file.parent.mkdir(mode=0o700)
    file.write_text("not a database\n" * 100, encoding="utf-8")
    file.chmod(0o600)
    with pytest.raises(HistoryError, match="is damaged, or no history"):
        SqliteStore(file)


@pytest.mark.parametrize(
    "statements",
    [
        "CREATE TABLE places (url TEXT)",
        "CREATE TABLE places (url TEXT); PRAGMA user_version = 1",
        "CREATE TABLE places (url TEXT); PRAGMA user_version = 77",
        "CREATE TABLE jobs (a); PRAGMA user_version = 1",
        "CREATE TABLE jobs (a); CREATE TABLE runs (a)",
    ],
)
def test_the_database_of_another_program_stays_as_it_is(file: Path, statements: str) -> None:
    file.parent.mkdir(mode=0o700)
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.executescript(statements)
    file.chmod(0o600)
    before = file.read_bytes()
    with pytest.raises(HistoryError, match="the database of another program"):
        SqliteStore(file)
    assert file.read_bytes() == before


def test_an_empty_file_becomes_a_history(file: Path) -> None:
    file.parent.mkdir(mode=0o700)
    file.touch(mode=0o600)
    with SqliteStore(file) as store:
        store.add(at(0))
        assert len(store.runs(JOB.key)) == 1


def test_a_locked_file_is_explained(
    store: SqliteStore, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ebpftrace.history.sqlite_store._BUSY_SECONDS", 0.0)
    store._db.execute("BEGIN IMMEDIATE")
    with SqliteStore(file) as other:
        assert other.runs(JOB.key) == ()  # readers do not wait for a writer
        with pytest.raises(HistoryError, match="locked by another program"):
            other.add(at(0))
    store._db.execute("ROLLBACK")
    store.add(at(0))


def test_a_full_disk_is_explained_and_loses_nothing(store: SqliteStore) -> None:
    store.add(at(0))
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(HistoryError, match="cannot be written") as caught:
        for number in range(100):
            store.add(at(number, job=job(f"job {number}")))
    assert "free some space" in caught.value.fix
    store._db.execute("PRAGMA max_page_count = 10000")
    assert len(store.runs(JOB.key)) == 1
    store.add(at(1))


def test_a_history_of_a_newer_version_is_left_alone(file: Path) -> None:
    with SqliteStore(file) as store:
        store.add(at(0))
        store._db.execute("PRAGMA user_version = 99")
    with pytest.raises(HistoryError, match="written by a newer ebpftrace"):
        SqliteStore(file)


def test_an_older_file_is_brought_to_this_version(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SqliteStore(file) as store:
        store.add(at(0))
    added = (*MIGRATIONS, ("ALTER TABLE jobs ADD COLUMN note TEXT",))
    with SqliteStore(file) as store:
        migrate(store._db, added)
        assert store._db.execute("SELECT note FROM jobs").fetchall() == [(None,)]
        assert store._db.execute("PRAGMA user_version").fetchone() == (len(added),)
        migrate(store._db, added)  # and only once


def test_a_migration_that_fails_changes_nothing(file: Path) -> None:
    broken = (*MIGRATIONS, ("CREATE TABLE half (x)", "CREATE TABLE runs (x)"))
    with SqliteStore(file) as store:
        with pytest.raises(sqlite3.OperationalError):
            migrate(store._db, broken)
        assert schema._version(store._db) == len(MIGRATIONS)
        store.add(at(0))


def test_what_was_edited_is_read_as_far_as_possible(store: SqliteStore) -> None:
    store.add(at(0))
    for column, value in (
        ("curve", b"\1\2\3"), ("programs", '{"x": 1}'), ("run_end", "strange"),
    ):  # fmt: skip
        store._db.execute(f"UPDATE runs SET {column} = ?", (value,))
    store._db.execute("UPDATE jobs SET name = ?", ("\x1b[31mred",))
    (read,) = store.runs(JOB.key)
    assert (read.curve, read.programs, read.end) == ((), (), RunEnd.UNKNOWN)
    assert not read.clean
    assert read.job.name == "\\x1b[31mred"
