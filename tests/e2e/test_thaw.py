"""`ebpftrace thaw` as a user types it; this process plays the watch."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ebpftrace.act.fuse.holding.control_server import ControlServer, ThawRequest
from tests.support.cli import Done, assert_explained, assert_on_one_screen, ebpftrace

STOPPED = 4711
SENTENCE = f"gopls {STOPPED} was resumed after 12s; the next stop is at 1.9 GiB"


def thaw(folder: Path, *args: str) -> Done:
    return ebpftrace("thaw", *args, environment={"EBPFTRACE_RUN_DIR": str(folder)})


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Path]:
    """The folder of a watch that has stopped one process."""
    stopped = [STOPPED]

    def answer(request: ThawRequest) -> None:
        resumed = [pid for pid in stopped if request.pid in (pid, None)]
        for pid in resumed:
            stopped.remove(pid)
        request.reply([SENTENCE] if resumed else [])

    with serving(tmp_path, answer):
        yield tmp_path


@contextmanager
def serving(folder: Path, answer: Callable[[ThawRequest], None]) -> Iterator[None]:
    control = ControlServer(folder)
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.01):
            for request in control.requests():
                answer(request)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        control.close()


def test_stopped_process_is_resumed_and_reported(watch: Path) -> None:
    done = thaw(watch, str(STOPPED))
    assert (done.returncode, done.stdout, done.stderr) == (0, SENTENCE + "\n", "")
    error = assert_explained(thaw(watch, str(STOPPED)), 9)
    assert f"not stopped by ebpftrace: {STOPPED}" in error


def test_all_are_resumed(watch: Path) -> None:
    done = thaw(watch, "--all")
    assert (done.returncode, done.stdout) == (0, SENTENCE + "\n")
    done = thaw(watch, "--all")
    assert done.returncode == 0
    assert done.stdout == "no process is stopped by a fuse\n"


def test_one_is_resumed_though_another_was_not_stopped_by_a_fuse(watch: Path) -> None:
    done = thaw(watch, str(STOPPED), str(os.getpid()))
    assert done.returncode == 9
    assert done.stdout == SENTENCE + "\n"
    assert f"not stopped by ebpftrace: {os.getpid()}" in done.stderr
    assert_on_one_screen(done.stderr)


def test_no_watch_is_running(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        error = assert_explained(thaw(folder, "--all"), 9)
        assert "no watch with a fuse is running" in error


def test_watch_that_does_not_reply(tmp_path: Path) -> None:
    control = ControlServer(tmp_path)
    error = assert_explained(thaw(tmp_path, "4711"), 1)
    assert f"watch {os.getpid()} does not reply" in error
    control.close()


@pytest.mark.parametrize("args", [(), ("4711", "--all"), ("0",), ("gopls",)])
def test_wrong_usage(args: tuple[str, ...], tmp_path: Path) -> None:
    assert_explained(thaw(tmp_path, *args), 2)
