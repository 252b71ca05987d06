"""Of the threads that run or hang, no user has more than a share."""

import threading
from collections.abc import Callable, Iterator

import pytest

from ebpftrace.host.bounded import Refusals
from ebpftrace.host.reading.threads import (
    MOST_AT_ONCE,
    MOST_LEFT,
    MOST_LEFT_OF_OWNER,
    Threads,
)
from tests.support.process_state import until


@pytest.fixture
def made() -> Iterator[Callable[[], threading.Thread]]:
    """Makes threads that last until the end of the test."""
    release, all_made = threading.Event(), list[threading.Thread]()

    def make() -> threading.Thread:
        all_made.append(threading.Thread(target=release.wait, daemon=True))
        return all_made[-1]

    yield make
    release.set()
    for thread in all_made:
        if thread.ident is not None:
            thread.join()


def started(threads: Threads, thread: threading.Thread, owner: str = "user") -> bool:
    assert threads.start("capture", owner, thread) == ""
    return thread.ident is not None


def test_threads_that_run_are_counted_and_further_ones_wait(
    made: Callable[[], threading.Thread],
) -> None:
    threads, running = Threads(Refusals()), [made() for _ in range(MOST_AT_ONCE)]
    assert all(started(threads, thread) for thread in running)
    first, second = made(), made()
    assert not started(threads, first)
    assert not started(threads, second)
    assert started(threads, made(), "another")
    threads.end(running[0])
    assert (first.ident is not None, second.ident) == (True, None)
    assert threads.leave(second).startswith(f"not started: {MOST_AT_ONCE} others")
    assert threads._refusals.count == 1


def test_all_threads_of_a_user_that_are_left_are_as_many_as_run_at_once(
    made: Callable[[], threading.Thread],
) -> None:
    threads, asked = Threads(Refusals()), [made() for _ in range(MOST_AT_ONCE + 3)]
    for thread in asked:
        started(threads, thread)
    left = [threads.leave(thread) for thread in asked]
    assert left.count("its thread is still running") == MOST_AT_ONCE
    assert [thread.ident is None for thread in asked] == [False] * MOST_AT_ONCE + [True] * 3
    refusal = f"{MOST_LEFT_OF_OWNER} earlier ones about processes of its user hang"
    assert threads.start("capture", "user", made()) == refusal
    assert threads.start("notify", "user", made()) == ""
    assert started(threads, made(), "another")


def test_all_users_together_have_few(made: Callable[[], threading.Thread]) -> None:
    threads = Threads(Refusals())
    for owner in range(MOST_LEFT):
        thread = made()
        assert started(threads, thread, str(owner))
        threads.leave(thread)
    assert threads.start("capture", "one more", made()) == f"{MOST_LEFT} earlier ones hang"
    assert threads._refusals.count == 1


def test_thread_that_has_ended_counts_no_longer() -> None:
    threads, release = Threads(Refusals()), threading.Event()
    for _ in range(MOST_LEFT_OF_OWNER):
        thread = threading.Thread(target=release.wait)
        assert started(threads, thread)
        threads.leave(thread)
    assert threads.start("capture", "user", thread) != ""
    release.set()
    until(lambda: not thread.is_alive())
    until(lambda: threads.start("capture", "user", threading.Thread(target=print)) == "")


def test_thread_that_cannot_be_started_is_an_error_and_counts_for_nothing(
    made: Callable[[], threading.Thread],
) -> None:
    class NoThread(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    threads, running = Threads(Refusals()), [made() for _ in range(MOST_AT_ONCE - 1)]
    for thread in running:
        started(threads, thread)
    with pytest.raises(RuntimeError):
        threads.start("capture", "user", NoThread())
    last = made()
    assert started(threads, last)
    assert threads.start("capture", "user", NoThread()) == ""
    threads.end(last)
    assert started(threads, made())
