"""A pidfd is of the process that was asked for, and of no later one with the same pid."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host import pidfd
from tests.support.incidents import key_of


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "100"]) as process:
        yield process
        process.kill()


@pytest.fixture
def ended(process: subprocess.Popen[bytes]) -> ProcessKey:
    """A process that has ended, and is a zombie."""
    key = key_of(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    return key


ROOT = Path(__file__).resolve().parents[3]
WATCHDOG = (
    "ebpftrace/probe/watchdog.py"  # a program of its own, which imports no module of ours
)


def test_no_other_file_opens_a_pidfd() -> None:
    files = [*(ROOT / "ebpftrace").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]
    callers = {
        str(path.relative_to(ROOT)) for path in files if "os.pidfd_open(" in path.read_text()
    }
    assert callers == {"ebpftrace/host/pidfd.py", WATCHDOG}


def test_pid_of_a_zombie_is_open_until_it_is_reaped(
    process: subprocess.Popen[bytes], ended: ProcessKey
) -> None:
    fd = pidfd.open_by_pid(ended.pid)
    assert pidfd.has_ended(fd)
    os.close(fd)
    process.wait()
    with pytest.raises(GoneError, match=f"{ended.pid} has ended"):
        pidfd.open_by_pid(ended.pid)


def test_pid_that_a_thread_has_now_is_no_process() -> None:
    """A process that ended may have had it: its stop is still to be taken back."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        with pytest.raises(GoneError):
            pidfd.open_by_pid(thread.native_id or 0)
    finally:
        over.set()
        thread.join()


def test_running_process_is_alive(process: subprocess.Popen[bytes]) -> None:
    key = key_of(process.pid)
    assert pidfd.is_alive(key)
    with pidfd.opened(key) as fd:
        assert not pidfd.has_ended(fd)


def test_zombie_and_reaped_process_have_ended(
    process: subprocess.Popen[bytes], ended: ProcessKey
) -> None:
    for _ in range(2):
        assert not pidfd.is_alive(ended)
        with pytest.raises(GoneError, match=f"{ended.pid} has ended"):
            pidfd.open_pidfd(ended)
        process.wait()


def test_later_process_with_the_pid_is_another(process: subprocess.Popen[bytes]) -> None:
    key = key_of(process.pid)
    earlier = key._replace(start_boottime_ns=key.start_boottime_ns - 10**9)
    assert not pidfd.is_alive(earlier)
    with pytest.raises(GoneError, match="another process's now"):
        pidfd.open_pidfd(earlier)


def test_process_that_cannot_be_opened_counts_as_alive(
    process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_pid: int) -> int:
        raise OSError(24, "Too many open files")

    key = key_of(process.pid)
    monkeypatch.setattr(os, "pidfd_open", refuse)
    assert pidfd.is_alive(key)
    with pytest.raises(OSError, match="Too many"):
        pidfd.open_pidfd(key)


def test_signal_is_sent_until_the_process_has_ended(process: subprocess.Popen[bytes]) -> None:
    with pidfd.opened(key_of(process.pid)) as fd:
        assert pidfd.send_signal(fd, signal.SIGTERM)
        assert process.wait() == -signal.SIGTERM
        assert pidfd.has_ended(fd)
        assert not pidfd.send_signal(fd, signal.SIGTERM)


def test_no_descriptor_is_left_open(process: subprocess.Popen[bytes]) -> None:
    key = key_of(process.pid)
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    pidfd.is_alive(key)
    pidfd.is_alive(key._replace(start_boottime_ns=1))
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208
