import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from ebpftrace.engine.programs.reader import ProgramReader
from ebpftrace.engine.recording import worker as worker_module
from ebpftrace.engine.recording.worker import BuildRun, HistoryWorker
from ebpftrace.errors import HistoryError
from ebpftrace.history.recurring import RecurringJob, recurring_job
from ebpftrace.history.run import ProgramVersion, Run
from ebpftrace.jobs.identity import JobIdentity
from tests.support.patience import patient
from tests.support.runs import run
from tests.support.scripted_store import ScriptedStore

SECONDS = patient(10.0)


def job(key: str = "7", cgroup: str = "/ci/build-1") -> JobIdentity:
    return JobIdentity(key, "build-1", "cgroup", "", cgroup, 7)


def recurring(identity: JobIdentity) -> RecurringJob:
    found = recurring_job(identity)
    assert found is not None
    return found


def building(identity: JobIdentity) -> BuildRun:
    def build(known: RecurringJob, programs: tuple[ProgramVersion, ...]) -> Run:
        return run(job=known, programs=programs, watch_key=identity.key)

    return build


class Worked:
    """A worker and its store."""

    def __init__(self) -> None:
        self.store = ScriptedStore()
        self.opened = 0
        self.worker = HistoryWorker(self.open, lambda _job: "")

    def open(self) -> ScriptedStore:
        self.opened += 1
        return self.store

    def run(self, *calls: Callable[[], object]) -> None:
        for call in calls:
            call()
        assert self.worker.close(SECONDS)


@pytest.fixture
def worked() -> Iterator[Worked]:
    made = Worked()
    yield made
    made.worker.close(SECONDS)


def test_past_runs_are_read_and_the_new_run_is_kept(worked: Worked) -> None:
    identity = job()
    before = run(job=recurring(identity))
    worked.store.kept.append(before)
    worked.run(
        lambda: worked.worker.ask(identity), lambda: worked.worker.add("7", building(identity))
    )
    assert list(worked.worker.answers) == [("7", (before,))]
    assert [kept.watch_key for kept in worked.store.kept] == ["7", before.watch_key]
    assert (worked.opened, worked.store.closed) == (1, 1)
    assert worked.store.threads == {"history"}
    assert (worked.worker.lost, worked.worker.trouble) == (0, "")


def test_no_store_is_opened_for_jobs_that_cannot_be_told_apart(worked: Worked) -> None:
    identity = job(cgroup="/docker/" + "0123456789abcdef" * 4)
    worked.run(
        lambda: worked.worker.ask(identity), lambda: worked.worker.add("7", building(identity))
    )
    assert (worked.opened, worked.store.kept, worked.worker.lost) == (0, [], 0)
    assert not worked.worker.answers


def test_a_container_is_known_by_what_its_runtime_says(worked: Worked) -> None:
    identity = job(cgroup="/docker/" + "0123456789abcdef" * 4)
    worked.worker = HistoryWorker(worked.open, lambda _job: "image golang:1.26")
    worked.run(
        lambda: worked.worker.ask(identity), lambda: worked.worker.add("7", building(identity))
    )
    assert [kept.job.name for kept in worked.store.kept] == ["image golang:1.26"]


def test_versions_of_programs_are_added_to_the_run(
    worked: Worked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(_reader: ProgramReader, _pid: int, _about: object, path: Path) -> str:
        return f"v{path.parent.name}"

    monkeypatch.setattr(ProgramReader, "version", version)
    worked.run(
        lambda: worked.worker.ask(job()),
        lambda: worked.worker.describe("7", "gopls", 20),
        lambda: worked.worker.describe("unknown", "gopls", 30),
        lambda: worked.worker.add("7", building(job())),
    )
    assert worked.store.kept[0].programs == (("gopls", "v20"),)
    assert not worked.worker._programs


def test_a_dropped_job_is_forgotten(worked: Worked) -> None:
    worked.run(
        lambda: worked.worker.ask(job()),
        lambda: worked.worker.drop("7"),
        lambda: worked.worker.add("7", building(job())),
    )
    assert worked.store.kept == []


def test_nothing_starts_before_the_first_question(worked: Worked) -> None:
    before = threading.active_count()
    worked.run(lambda: worked.worker.add("7", building(job())), lambda: worked.worker.drop("7"))
    assert (threading.active_count(), worked.opened) == (before, 0)


def test_a_store_that_cannot_be_opened_is_reported_and_tried_again_later(
    worked: Worked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> ScriptedStore:
        worked.opened += 1
        raise HistoryError("the history x is damaged", why="file is not a database")

    worked.worker = HistoryWorker(refuse)
    worked.run(
        lambda: worked.worker.ask(job()),
        lambda: worked.worker.ask(job("8")),
        lambda: worked.worker.add("7", building(job())),
    )
    assert worked.opened == 1
    assert worked.worker.trouble == "the history x is damaged: file is not a database"
    assert worked.worker.lost == 3


def test_a_store_works_again_after_a_while(
    worked: Worked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        worked.store.before = lambda: None
        raise HistoryError("the history x cannot be written")

    monkeypatch.setattr(worker_module, "_RETRY_SECONDS", 0.0)
    worked.store.before = fail
    worked.run(
        lambda: worked.worker.ask(job()), lambda: worked.worker.add("7", building(job()))
    )
    assert (worked.worker.lost, worked.worker.trouble) == (1, "")
    assert (worked.opened, worked.store.closed) == (2, 2)
    assert len(worked.store.kept) == 1


def test_a_bug_of_the_store_is_reported_too(worked: Worked) -> None:
    def fail() -> None:
        raise ZeroDivisionError("x")

    worked.store.before = fail
    worked.run(lambda: worked.worker.ask(job()))
    assert worked.worker.trouble == "the history failed: ZeroDivisionError('x')"


def test_a_full_queue_is_counted_and_never_waited_for(worked: Worked) -> None:
    release = threading.Event()
    worked.store.before = release.wait
    for number in range(worker_module._QUEUED + 100):
        worked.worker.ask(job(str(number)))
    assert worked.worker.lost >= 99
    assert not worked.worker.close(0.01)
    release.set()


def test_an_end_waits_for_a_stuck_disk_as_long_as_it_may(worked: Worked) -> None:
    release = threading.Event()
    worked.store.before = release.wait
    worked.worker.ask(job())
    began = time.monotonic()
    assert not worked.worker.close(0.05)
    assert time.monotonic() - began >= 0.05
    release.set()


def test_known_jobs_are_bounded(worked: Worked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "_MOST_JOBS", 10)
    worked.run(*(partial(worked.worker.ask, job(str(number))) for number in range(50)))
    assert list(worked.worker._jobs) == [str(number) for number in range(40, 50)]
