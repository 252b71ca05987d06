"""`ebpftrace thaw` as a user types it; the watch it asks is this process."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ebpftrace.act.fuse.holding.control_server import ControlServer, ThawRequest
from tests.support.cli import Done, assert_explained, assert_on_one_screen, ebpftrace

STANDS = 4711
SENTENCE = f"gopls {STANDS} goes on; it stood 12s at 1.8 GiB; the next stop is at 1.9 GiB"


def thaw(folder: Path, *args: str) -> Done:
    return ebpftrace("thaw", *args, environment={"EBPFTRACE_RUN_DIR": str(folder)})


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Path]:
    """The folder of a watch that has stopped one process."""
    standing = [STANDS]

    def answer(request: ThawRequest) -> None:
        went = [pid for pid in standing if request.pid in (pid, None)]
        for pid in went:
            standing.remove(pid)
        request.reply([SENTENCE] if went else [])

    with serving(tmp_path, answer):
        yield tmp_path


@contextmanager
def serving(folder: Path, answer: Callable[[ThawRequest], None]) -> Iterator[None]:
    control = ControlServer(folder)
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.01):
            for request in control.requests():
                answer(request)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        control.close()


def test_who_stands_goes_on_and_how_long_it_stood_is_told(watch: Path) -> None:
    done = thaw(watch, str(STANDS))
    assert (done.returncode, done.stdout, done.stderr) == (0, SENTENCE + "\n", "")
    told = assert_explained(thaw(watch, str(STANDS)), 9)
    assert f"not stopped by ebpftrace: {STANDS}" in told


def test_all_go_on(watch: Path) -> None:
    done = thaw(watch, "--all")
    assert (done.returncode, done.stdout) == (0, SENTENCE + "\n")
    done = thaw(watch, "--all")
    assert done.returncode == 0
    assert "nobody stands" in done.stdout


def test_one_goes_on_where_another_is_not_ours(watch: Path) -> None:
    done = thaw(watch, str(STANDS), str(os.getpid()))
    assert done.returncode == 9
    assert done.stdout == SENTENCE + "\n"
    assert f"not stopped by ebpftrace: {os.getpid()}" in done.stderr
    assert_on_one_screen(done.stderr)


def test_nobody_to_be_asked(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        told = assert_explained(thaw(folder, "--all"), 9)
        assert "no watch with a fuse is running" in told


def test_a_watch_that_says_nothing(tmp_path: Path) -> None:
    control = ControlServer(tmp_path)
    told = assert_explained(thaw(tmp_path, "4711"), 1)
    assert f"the watch {os.getpid()} does not answer" in told
    control.close()


@pytest.mark.parametrize("args", [(), ("4711", "--all"), ("0",), ("gopls",)])
def test_neither_and_both_and_no_pid(args: tuple[str, ...], tmp_path: Path) -> None:
    assert_explained(thaw(tmp_path, *args), 2)
