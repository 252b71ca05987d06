"""What every store does: the one in a file, and the scripted one of other tests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.history.run import Run
from ebpftrace.history.sqlite_store import SqliteStore
from ebpftrace.history.store import Store
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.runs import JOB, run
from tests.support.scripted_store import ScriptedStore

NOW_NS = 1_700_000_000 * NS_PER_SECOND
LINT = JOB._replace(key="key of lint", name="lint")


@pytest.fixture(params=[SqliteStore, ScriptedStore])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param is ScriptedStore:
        yield ScriptedStore()
    else:
        with SqliteStore(tmp_path / "history.db", clock=lambda: NOW_NS) as opened:
            yield opened


def at(minute: int, **changes: Any) -> Run:
    """A run that started so many minutes before now."""
    start_ns = NOW_NS - minute * 60 * NS_PER_SECOND
    return run(start_time_ns=start_ns, watch_key=f"run {minute}", **changes)


def test_the_newest_run_comes_first(store: Store) -> None:
    for minute in (5, 9, 1):
        store.add(at(minute))
    assert store.runs(JOB.key) == (at(1), at(5), at(9))


def test_an_unknown_job_has_no_runs(store: Store) -> None:
    store.add(at(0))
    assert store.runs("another key") == ()


def test_jobs_come_with_their_newest_run(store: Store) -> None:
    store.add(at(1, job=LINT))
    store.add(at(2, peak_bytes=7 * MIB))
    store.add(at(3))
    lint, test = store.jobs(10)
    assert (lint.job.name, lint.runs) == ("lint", 1)
    assert (test.job.name, test.runs, test.newest.peak_bytes) == (JOB.name, 2, 7 * MIB)
    assert store.jobs(1) == (lint,)


def test_one_name_may_be_in_several_places(store: Store) -> None:
    other = JOB._replace(key="other", place="/untrusted/*")
    store.add(at(1, job=other))
    store.add(at(0))
    assert store.named(JOB.name) == (JOB, other)
    assert store.named("other") == (other,)
    assert store.named("%") == ()


def test_forget_drops_one_job_and_no_other(store: Store) -> None:
    for minute in range(3):
        store.add(at(minute))
        store.add(at(minute, job=LINT))
    assert store.forget(JOB.key) == 3
    assert store.runs(JOB.key) == ()
    assert [entry.job.name for entry in store.jobs(100)] == ["lint"]
    assert store.forget(JOB.key) == 0
