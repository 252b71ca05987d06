"""Work on a thread: its end, its errors, and a thread that does not end."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.act.actions.support import background
from ebpftrace.act.actions.support.background import Background
from ebpftrace.act.actions.support.running import Ended
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.errors import EbpftraceError
from ebpftrace.host.reading.stuck import MOST_OF_OWNER, LeftBehind
from tests.support.incidents import drive
from tests.support.process_state import until

PID, OTHER = os.getpid(), os.getppid()
DONE = Ended(StepStatus.DONE, "done")


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> LeftBehind:
    """What is left behind by these tests alone."""
    made = LeftBehind()
    monkeypatch.setattr(background, "LEFT_BEHIND", made)
    return made


def test_result_of_the_thread_is_the_end() -> None:
    running = Background("work", PID, lambda _cancelled: DONE)
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

    running = Background("work", PID, work)
    assert drive(running) == Ended(StepStatus.FAILED, detail)
    running.stop()


def test_thread_that_does_not_end_is_left_behind(left: LeftBehind) -> None:
    release, finished = threading.Event(), threading.Event()

    def work(cancelled: threading.Event) -> Ended:
        release.wait()
        assert cancelled.is_set()
        finished.set()
        return DONE

    running = Background("work", PID, work)
    assert running.poll(1) is None
    assert not running.cancel(2)
    assert running.stop() == "its thread is still running"
    assert left
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


def hang(fifo: Path, pid: int) -> str:
    """Start work that never ends, and leave it behind; the words for that, or for a refusal."""

    def work(_cancelled: threading.Event) -> Ended:
        with fifo.open("rb"):
            return DONE

    before, running = len(readers()), Background("hanging", pid, work)
    if len(readers()) == before:
        return drive(running).detail + running.stop()
    until(lambda: running._owner is not None)
    return running.stop()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_threads_that_hang_are_few_and_a_share_of_them_is_one_user_s(
    fifo: Path, left: LeftBehind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "owner_of", {PID: "user", OTHER: "another"}.get)
    before = descriptors()
    for _ in range(MOST_OF_OWNER):
        assert hang(fifo, OTHER) == "its thread is still running"
    for count in range(1, 20):
        assert hang(fifo, OTHER) == (
            f"not started: {MOST_OF_OWNER} earlier ones about processes of its user hang"
        )
        assert left.refused == count
    assert hang(fifo, PID) == "its thread is still running"
    assert len(readers()) == MOST_OF_OWNER + 1
    assert descriptors() == before
    other = Background("work", OTHER, lambda _cancelled: DONE)
    assert drive(other) == DONE
    other.stop()


def test_work_is_started_again_once_what_hung_has_ended(fifo: Path, left: LeftBehind) -> None:
    for _ in range(MOST_OF_OWNER):
        hang(fifo, PID)
    assert hang(fifo, PID).startswith("not started")
    assert left.refused == 1
    with os.fdopen(os.open(fifo, os.O_RDWR)):
        until(lambda: not readers())
        later = Background("hanging", PID, lambda _cancelled: DONE)
        assert drive(later) == DONE
        later.stop()
