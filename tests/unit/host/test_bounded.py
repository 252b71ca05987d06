"""Calls that hang are given up on; those that do not are as if they were made directly.

A FIFO without a writer stands in for a file of /proc whose process holds its mmap lock:
opening it blocks in the kernel.
"""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.host import bounded
from ebpftrace.host.bounded import (
    MOST_OF_OWNER,
    MOST_STUCK,
    BoundedReader,
    Refusals,
    waits_in_kernel,
)
from ebpftrace.host.proc import read_environ
from tests.support.patience import patient
from tests.support.process_state import until

LONG = patient(30.0)


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    """Calls of its `wait` hang until it is set, at the end of the test at the latest."""
    event = threading.Event()
    yield event
    event.set()


def test_result_and_error_are_the_call_s() -> None:
    reader = BoundedReader(lambda _thread: True, LONG)
    assert reader.call(1, lambda: 7) == 7
    with pytest.raises(PermissionError, match="no"):
        reader.call(1, lambda: (_ for _ in ()).throw(PermissionError("no")))
    assert reader.call(1, lambda: 8) == 8
    assert reader.timeouts == 0


def test_calls_share_one_thread() -> None:
    reader = BoundedReader(lambda _thread: True, LONG)
    idents = {reader.call(1, threading.get_ident) for _ in range(5)}
    assert len(idents) == 1
    assert threading.get_ident() not in idents


def test_call_that_hangs_is_given_up_on_and_the_next_is_made(hanging: threading.Event) -> None:
    reader = BoundedReader(lambda _thread: True)
    assert reader.call(2, hanging.wait) is None
    assert reader.timeouts == 1
    reader._patience_seconds = LONG
    assert reader.call(1, lambda: 7) == 7


def test_process_about_which_a_call_hangs_is_not_asked_again(hanging: threading.Event) -> None:
    reader = BoundedReader(lambda _thread: True)
    assert reader.call(2, hanging.wait) is None
    assert reader.call(2, lambda: 7) is None
    assert reader.timeouts == 2
    stuck = reader._stuck.reads
    hanging.set()
    assert all(call.done.wait(LONG) for call in stuck)
    reader._patience_seconds = LONG
    assert reader.call(2, lambda: 7) == 7


def test_call_that_is_only_slow_is_waited_for() -> None:
    """A busy machine must not turn into processes whose job is not found."""
    asked: list[int] = []
    release = threading.Event()

    def is_stuck(thread: int) -> bool:
        asked.append(thread)
        if len(asked) == 3:
            release.set()
            reader._patience_seconds = LONG
        return False

    reader = BoundedReader(is_stuck, 0.001)

    def slow() -> int:
        release.wait(LONG)
        return 7

    assert reader.call(1, slow) == 7
    assert reader.timeouts == 0
    assert (len(asked), len(set(asked))) == (3, 1)


def test_thread_that_waits_for_a_lock_or_is_gone_is_not_stuck_in_the_kernel(
    hanging: threading.Event,
) -> None:
    thread = threading.Thread(target=hanging.wait)
    thread.start()
    task = Path(f"/proc/self/task/{thread.native_id}/stat")
    until(lambda: task.read_bytes().rpartition(b") ")[2].startswith(b"S"))
    assert not waits_in_kernel(thread.native_id or 0)
    assert not waits_in_kernel(1 << 22)


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[Path]:
    """A file that never answers: opening it sleeps in the kernel, interruptibly."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    yield path
    os.close(os.open(path, os.O_RDWR))  # lets the thread that hangs go


def test_thread_that_waits_for_a_file_is_stuck_in_the_kernel(fifo: Path) -> None:
    thread = threading.Thread(target=fifo.read_bytes)
    thread.start()
    thread_id = thread.native_id or 0
    until(lambda: waits_in_kernel(thread_id))
    assert thread.is_alive()
    with fifo.open("wb"):
        pass
    thread.join()
    assert not waits_in_kernel(thread_id)


def test_file_that_hangs_is_given_up_on_after_several_looks(fifo: Path) -> None:
    looks: list[int] = []

    def is_stuck(thread: int) -> bool:
        looks.append(thread)
        return True

    reader = BoundedReader(is_stuck, 0.001, looks=3)
    assert reader.call(1, fifo.read_bytes) is None
    assert len(looks) == 3


def test_file_that_hangs_does_not_keep_proc_from_being_read(
    fifo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "_READER", BoundedReader(patience_seconds=LONG))
    monkeypatch.setattr(bounded, "_FILE_READER", BoundedReader(lambda _thread: True, 0.001))
    monkeypatch.setattr(bounded, "REFUSALS", refusals := Refusals())
    assert bounded.bounded_file(1, fifo.read_bytes) is None
    assert bounded.bounded(1, lambda: 7) == 7
    assert bounded.timeouts() == 1
    refusals.count = 5
    assert bounded.timeouts() == 6


def test_no_call_is_made_while_too_many_hang(hanging: threading.Event) -> None:
    reader = BoundedReader(lambda _thread: True, owner=lambda pid: pid)
    made: list[int] = []

    def hang() -> None:
        made.append(threading.get_ident())
        hanging.wait()

    for pid in range(10):
        assert reader.call(pid, hang) is None
    assert reader.timeouts == 10
    stuck = reader._stuck.reads
    hanging.set()
    assert all(call.done.wait(LONG) for call in stuck)
    assert len(set(made)) == len(made) == MOST_STUCK


def test_files_of_a_user_that_hang_keep_those_of_others_readable(
    hanging: threading.Event,
) -> None:
    reader = BoundedReader(lambda _thread: True, owner=lambda pid: pid // 100)
    for pid in range(10):
        assert reader.call(pid, hanging.wait) is None
    assert len(reader._stuck.reads) == MOST_OF_OWNER
    reader._patience_seconds = LONG
    assert reader.call(100, lambda: 7) == 7


def test_calls_are_made_again_once_those_that_hung_return(hanging: threading.Event) -> None:
    reader = BoundedReader(lambda _thread: True)
    for pid in range(5):
        reader.call(pid, hanging.wait)
    stuck = reader._stuck.reads
    hanging.set()
    assert all(call.done.wait(LONG) for call in stuck)
    reader._patience_seconds = LONG
    assert reader.call(1, lambda: 7) == 7


def test_other_threads_call_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[int, int | None]] = []

    def run() -> None:
        called.append((threading.get_ident(), bounded.bounded(1, threading.get_ident)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    ((caller, callee),) = called
    assert caller == callee
    assert bounded.bounded(1, threading.get_ident) != threading.get_ident()


def test_environment_of_a_process_that_hangs_is_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "_READER", BoundedReader(lambda _thread: True))
    (tmp_path / "7").mkdir()
    fifo = tmp_path / "7/environ"
    os.mkfifo(fifo)
    before = bounded.timeouts()
    assert read_environ(7, tmp_path) is None
    assert bounded.timeouts() == before + 1
    with fifo.open("w"):  # lets the thread go
        pass
