"""Work on a thread: its end, its errors, and a thread that does not end."""

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ebpftrace.act.actions.support import background
from ebpftrace.act.actions.support.background import Background
from ebpftrace.act.actions.support.running import Ended
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.identity import Target
from ebpftrace.errors import EbpftraceError
from ebpftrace.events import ProcessKey
from ebpftrace.host.bounded import Refusals
from ebpftrace.host.reading.threads import MOST_AT_ONCE, MOST_LEFT_OF_OWNER, Threads
from tests.support.incidents import drive
from tests.support.process_state import until

OWN, OTHER = (Target(ProcessKey(pid, 0), "/", (0, 0)) for pid in (os.getpid(), os.getppid()))
DONE = Ended(StepStatus.DONE, "done")


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Threads:
    """Those of a test alone."""
    made = Threads(Refusals())
    monkeypatch.setattr(background, "THREADS", made)
    return made


def test_result_of_the_thread_is_the_end() -> None:
    running = Background("work", OWN, lambda _cancelled: DONE)
    assert drive(running) == DONE
    assert running.stop() == ""


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (OSError(28, "No space left on device", "/a\n"), "/a\\x0a: No space left on device"),
        (EbpftraceError("no bus"), "no bus"),
        (ZeroDivisionError("a bug"), "ZeroDivisionError: a bug"),
    ],
)
def test_error_is_a_failure(error: Exception, detail: str) -> None:
    def work(_cancelled: threading.Event) -> Ended:
        raise error

    running = Background("work", OWN, work)
    assert drive(running) == Ended(StepStatus.FAILED, detail)
    running.stop()


@pytest.mark.usefixtures("threads")
def test_thread_that_does_not_end_is_left_behind() -> None:
    release, finished = threading.Event(), threading.Event()

    def work(cancelled: threading.Event) -> Ended:
        release.wait()
        assert cancelled.is_set()
        finished.set()
        return DONE

    running = Background("work", OWN, work)
    assert running.poll(1) is None
    assert not running.cancel(2)
    assert running.stop() == "its thread is still running"
    release.set()
    assert finished.wait(30)


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[Path]:
    """Opening it waits for a writer, which the end of the test is."""
    made = tmp_path / "fifo"
    os.mkfifo(made)
    yield made
    with os.fdopen(os.open(made, os.O_RDWR)):
        until(lambda: not readers())


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "hanging"]


def hanging(fifo: Path, target: Target) -> Background:
    """Work that never ends."""

    def work(_cancelled: threading.Event) -> Ended:
        with fifo.open("rb"):
            return DONE

    return Background("hanging", target, work)


def hang(fifo: Path, target: Target) -> str:
    """Start such work, and leave it behind; the words for that, or for a refusal."""
    before, running = len(readers()), hanging(fifo, target)
    if len(readers()) == before:
        return drive(running).detail + running.stop()
    return running.stop()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_threads_that_hang_are_few_and_a_share_of_them_is_one_user_s(
    fifo: Path, threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners = {OWN.key.pid: "user", OTHER.key.pid: "another"}
    monkeypatch.setattr(background, "owner_of", owners.get)
    before = descriptors()
    at_once = [hanging(fifo, OTHER) for _ in range(MOST_AT_ONCE + 5)]
    assert len(readers()) == MOST_AT_ONCE
    left = [running.stop() for running in at_once]
    assert left.count("its thread is still running") == MOST_AT_ONCE
    assert (
        threads._refusals.count == len([it for it in left if it.startswith("not started")]) == 5
    )
    refusal = f"not started: {MOST_LEFT_OF_OWNER} earlier ones about processes of its user hang"
    assert {hang(fifo, OTHER) for _ in range(20)} == {refusal}
    assert hang(fifo, OWN) == "its thread is still running"
    assert len(readers()) == MOST_AT_ONCE + 1
    assert descriptors() == before
    other = Background("work", OTHER, lambda _cancelled: DONE)
    assert drive(other) == DONE
    other.stop()


def test_process_that_has_ended_counts_for_its_job(fifo: Path, threads: Threads) -> None:
    """Not for one user of all that have ended: one job's would keep out all others'."""
    ended = Target(ProcessKey(0, 0), "/job/below", (0, 0), "/job")
    for _ in range(MOST_LEFT_OF_OWNER):
        assert hang(fifo, ended) == "its thread is still running"
    assert hang(fifo, replace(ended, cgroup="/job/other")).startswith("not started")
    assert hang(fifo, Target(ended.key, "/another", (0, 0))) == "its thread is still running"
    assert threads._refusals.count == 1


def test_work_waits_until_other_work_of_its_user_has_ended(
    fifo: Path, threads: Threads
) -> None:
    running = [hanging(fifo, OWN) for _ in range(MOST_AT_ONCE)]
    later = Background("hanging", OWN, lambda _cancelled: DONE)
    assert later.poll(1) is None
    with os.fdopen(os.open(fifo, os.O_RDWR)):
        assert [drive(it) for it in running] == [DONE] * MOST_AT_ONCE
    assert later.poll(2) is None
    assert {it.stop() for it in running} == {""}
    assert drive(later) == DONE
    assert (later.stop(), threads._refusals.count) == ("", 0)


def test_work_is_started_again_once_what_hung_has_ended(fifo: Path, threads: Threads) -> None:
    for _ in range(MOST_LEFT_OF_OWNER):
        hang(fifo, OWN)
    assert hang(fifo, OWN).startswith("not started")
    assert threads._refusals.count == 1
    with os.fdopen(os.open(fifo, os.O_RDWR)):
        until(lambda: not readers())
        later = Background("hanging", OWN, lambda _cancelled: DONE)
        assert drive(later) == DONE
        later.stop()
