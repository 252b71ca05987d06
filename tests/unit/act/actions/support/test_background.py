"""Work on a thread: its end, its errors, and a thread that does not end."""

import threading

import pytest

from ebpftrace.act.actions.support.background import Background
from ebpftrace.act.actions.support.running import Ended
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.errors import EbpftraceError
from tests.support.incidents import drive

DONE = Ended(StepStatus.DONE, "done")


def test_result_of_the_thread_is_the_end() -> None:
    running = Background("work", lambda _cancelled: DONE)
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

    running = Background("work", work)
    assert drive(running) == Ended(StepStatus.FAILED, detail)
    running.stop()


def test_thread_that_does_not_end_is_left_behind() -> None:
    release, finished = threading.Event(), threading.Event()

    def work(cancelled: threading.Event) -> Ended:
        release.wait()
        assert cancelled.is_set()
        finished.set()
        return DONE

    running = Background("work", work)
    assert running.poll(1) is None
    assert not running.cancel(2)
    assert running.stop() == "its thread is still running"
    release.set()
    assert finished.wait(30)
