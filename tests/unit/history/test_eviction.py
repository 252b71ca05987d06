"""Which jobs go where there is no more room: those of the place with the most of them."""

from pathlib import Path

import pytest

from ebpftrace.history.recurring import RecurringJob, place_parts
from ebpftrace.history.run import Run
from ebpftrace.history.sqlite_store import SqliteStore
from ebpftrace.history.store import StoreBounds
from ebpftrace.jobs.ci.run import run_id
from ebpftrace.units import NS_PER_SECOND
from tests.support.runs import run

NOW_NS = 1_700_000_000 * NS_PER_SECOND


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "history.db"


def bounded(file: Path, jobs: int) -> SqliteStore:
    return SqliteStore(file, StoreBounds(jobs=jobs), clock=lambda: NOW_NS)


def at(minute: int, job: RecurringJob) -> Run:
    """A run that started so many minutes before now."""
    start_ns = NOW_NS - minute * 60 * NS_PER_SECOND
    return run(start_time_ns=start_ns, watch_key=f"run {minute}", job=job)


def names(store: SqliteStore) -> list[str]:
    return [entry.job.name for entry in store.jobs(100_000)]


def placed(name: str, place: str, runtime: str = "") -> RecurringJob:
    """A job with a key as `recurring_job` makes it."""
    return RecurringJob(run_id("github", name, place, runtime), name, "github", place)


@pytest.mark.parametrize("runs", [1, 2, 4])
@pytest.mark.parametrize("nested", [False, True])
def test_a_flood_of_names_with_several_runs_leaves_other_places_alone(
    file: Path, runs: int, nested: bool
) -> None:
    """The place is what the job cannot choose, but for cgroups below its own."""
    with bounded(file, jobs=100) as store:
        for place in range(30):
            store.add(at(100_000, placed("build", f"/ci/runner-{place:c<4}/x")))
        for number in range(300):
            below = f"/{number % 7}/{number % 91}" if nested else ""
            made = placed(f"made up {number}", f"/ci/hostile{below}")
            for minute in range(runs):
                store.add(at(50_000 - 10 * number - minute, made))
        left = names(store)
        assert left.count("build") == 30
        assert len(left) == 100


def test_containers_of_one_place_are_told_apart_by_their_image(file: Path) -> None:
    with bounded(file, jobs=20) as store:
        for number in range(5):
            store.add(at(100_000, placed("build", "/docker/*", f"image {number}")))
        for number in range(100):
            store.add(at(500 - number, placed(f"made up {number}", "/docker/*", "evil")))
        assert names(store).count("build") == 5


def test_of_one_place_the_jobs_with_the_fewest_runs_go_first(file: Path) -> None:
    with bounded(file, jobs=10) as store:
        for minute in range(3):
            store.add(at(100_000 + minute, placed("build", "/ci")))
        for number in range(50):
            for minute in range(2):
                made = placed(f"made up {number}", "/ci")
                store.add(at(50_000 - 10 * number - minute, made))
        assert "build" in names(store)


def test_the_place_of_a_key() -> None:
    assert place_parts(placed("a/b", "/ci/x-*").key) == ("ci", "x-*", "")
    assert place_parts(placed("", "/docker/*", "image").key) == ("docker", "*", "image")
    assert place_parts("anything") == ()
