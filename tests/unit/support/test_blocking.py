"""The guard of tests/support/blocking.py: what it notices, and what it lets pass."""

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.blocking import BlockingGuard


def wait_twice() -> None:
    for _ in range(2):
        threading.Event().wait(0.015)


def sync_a_file(sync: Callable[[int], None]) -> None:
    fd = os.memfd_create("synced")
    sync(fd)
    os.close(fd)


@pytest.mark.parametrize(
    "block",
    [
        lambda: time.sleep(0.03),
        lambda: threading.Event().wait(0.03),
        wait_twice,
        lambda: select.poll().poll(30),
        lambda: sync_a_file(os.fsync),
        lambda: sync_a_file(os.fdatasync),
    ],
)
def test_more_than_20_ms_are_noticed(block: Callable[[], object]) -> None:
    guard = BlockingGuard()
    with guard.watching():
        block()
    assert len(guard.waits) == 1


def once_noticed(guard: BlockingGuard, act: Callable[[], object]) -> None:
    """Act as soon as the guard has noticed an endless wait, which that ends."""

    def wait() -> None:
        while not any(line.startswith("inf s") for line in guard.waits):
            time.sleep(0.001)
        act()

    threading.Thread(target=wait, daemon=True).start()


def test_end_of_a_child_that_is_waited_for_is_noticed() -> None:
    guard = BlockingGuard()
    child = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    once_noticed(guard, lambda: os.kill(child, signal.SIGKILL))
    with guard.watching():
        os.waitpid(child, 0)
    assert len(guard.waits) == 1


def test_process_and_pipe_that_are_waited_for_are_noticed() -> None:
    guard = BlockingGuard()
    reader, writer = os.pipe()

    once_noticed(guard, lambda: os.write(writer, b"x"))
    with subprocess.Popen(["sleep", "60"]) as process:
        with guard.watching():
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.03)
            os.read(reader, 1)
        process.kill()
    os.close(reader)
    os.close(writer)
    assert any("test_process_and_pipe" in line and "0.03 s" in line for line in guard.waits)
    assert any(line.startswith("inf s") for line in guard.waits)


def test_what_does_not_block_is_let_pass() -> None:
    guard = BlockingGuard()
    reader, writer = os.pipe()
    os.write(writer, b"x")
    ended = subprocess.Popen(["true"])
    ended.wait()
    thread = threading.Thread(target=time.sleep, args=(0.03,))
    with guard.watching():
        thread.start()
        ended.wait()
        os.read(reader, 1)
        select.poll().poll(0)
        for _ in range(3):
            threading.Event().wait(0.015)
            guard.rest()
    thread.join()
    os.close(reader)
    os.close(writer)
    assert guard.waits == []


def test_other_threads_may_block() -> None:
    guard = BlockingGuard()
    thread = threading.Thread(target=wait_twice)
    with guard.watching():
        thread.start()
    thread.join()
    assert guard.waits == []


@pytest.mark.parametrize(
    "touch",
    [
        lambda path: path.stat(),
        lambda path: path.exists(),
        lambda path: path.read_bytes(),
        lambda path: (path.parent / "link").readlink(),
        lambda path: list(path.parent.iterdir()),
        lambda path: os.scandir(path.parent).close(),
        lambda path: os.close(os.open(path, os.O_RDONLY)),
    ],
)
def test_look_at_a_file_of_a_job_is_noticed(
    tmp_path: Path, touch: Callable[[Path], object]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x")
    (tmp_path / "link").symlink_to(file)
    foreign, own = BlockingGuard(), BlockingGuard(tmp_path)
    for guard in (foreign, own):
        with guard.watching():
            touch(file)
    assert (bool(foreign.waits), own.waits) == (True, [])


@pytest.mark.parametrize("link", ["exe", "cwd", "root/etc", "task/{pid}/cwd"])
def test_look_through_a_link_of_proc_is_noticed(link: str) -> None:
    guard = BlockingGuard()
    with guard.watching():
        Path(f"/proc/{os.getpid()}/{link.format(pid=os.getpid())}").stat()
    assert len(guard.waits) == 1


def test_write_to_a_file_of_a_job_is_noticed(tmp_path: Path) -> None:
    foreign, own = BlockingGuard(), BlockingGuard(tmp_path)
    with (tmp_path / "file").open("wb") as file:
        for guard in (foreign, own):
            with guard.watching():
                os.write(file.fileno(), b"x")
    assert (len(foreign.waits), own.waits) == (1, [])


def test_files_of_the_kernel_may_be_looked_at() -> None:
    guard = BlockingGuard()
    with guard.watching():
        Path("/proc/self/stat").read_bytes()
        Path(f"/proc/{os.getpid()}/exe").readlink()
        list(Path("/proc/self/task").iterdir())
        Path("/sys/fs").exists()
    assert guard.waits == []
