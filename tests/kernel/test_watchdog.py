"""Which processes a sweep resumes, and which it leaves alone."""

import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ebpftrace.host import proc
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.structs import StructDecoder, fuse_blown
from ebpftrace.probe.watchdog import STOP, is_stopped, sweep
from tests.support.process_state import state, until

MAP_HASH = 1
# Its first thread ends and the second runs on: the process is in state Z, yet alive.
HEADLESS = """
import ctypes, platform, threading, time
threading.Thread(target=time.sleep, args=(1000,)).start()
ctypes.CDLL(None).syscall({"x86_64": 60}.get(platform.machine(), 93), 0)
"""

# The child of a vfork waits until a FIFO is opened for writing, and its parent for the child.
IN_VFORK = """
import os, sys
waits = (os.POSIX_SPAWN_OPEN, 9, sys.argv[1], os.O_RDONLY, 0)
os.waitpid(os.posix_spawn("/bin/true", ["true"], {}, file_actions=[waits]), 0)
sys.stdin.read()
"""


@pytest.fixture
def stopped() -> Iterator[int]:
    """A map like that of bpf/fuse.h."""
    fd = bpf.create_map(MAP_HASH, 4, STOP.size, 64)
    yield fd
    os.close(fd)


@contextmanager
def running(*argv: str) -> Iterator[int]:
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def enter(fd: int, pid: int, start: int | None = None, number: int = signal.SIGSTOP) -> int:
    """As the kernel program does before it sends the signal; returns the start time."""
    if start is None:
        stat = proc.read_stat(pid)
        assert stat is not None
        start = stat.start_boottime_ns
    value = STOP.pack(start, 0, 0, 0, 0, 0, start, pid, 1, number, pid, 0, 0)
    bpf.update(fd, struct.pack("=I", pid), value)
    return start


def entered(fd: int, pid: int) -> bool:
    return bpf.lookup(fd, struct.pack("=I", pid), STOP.size) is not None


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    until(lambda: state(pid) == "T")


def test_struct_is_the_one_that_events_are_read_from() -> None:
    assert StructDecoder(calls=False).sizes()["stop"] == STOP.size
    number = int(signal.SIGSTOP)
    stop = STOP.pack(7_000_000, 2, 3, 4, 5, 6, 7_000_000, 4711, 1, number, 4711, 0, 0)
    event = fuse_blown(stop)
    assert (event.key.pid, event.key.start_boottime_ns) == (4711, 7_000_000)
    assert event.signal == signal.SIGSTOP


def test_stopped_process_in_the_map_is_resumed(stopped: int) -> None:
    with running("sleep", "1000") as ours, running("sleep", "1000") as theirs:
        enter(stopped, ours)
        stop(ours)
        stop(theirs)
        assert sweep(stopped, set()) == 1
        until(lambda: state(ours) == "S")
        assert not entered(stopped, ours)
        assert state(theirs) == "T"
        stop(ours)  # by another program
        assert sweep(stopped, set()) == 0
        assert state(ours) == "T"


def test_all_are_resumed(stopped: int) -> None:
    for _ in range(2):
        with running("sleep", "1000") as one, running("sleep", "1000") as two:
            for pid in (one, two):
                enter(stopped, pid)
                stop(pid)
            assert sweep(stopped, set()) == 2
            until(lambda: {state(one), state(two)} == {"S"})


def test_killed_and_reused_pids_are_left_alone(stopped: int) -> None:
    with running("sleep", "1000") as killed, running("sleep", "1000") as later:
        enter(stopped, killed, number=signal.SIGKILL)
        enter(stopped, later, start=1)
        enter(stopped, (1 << 22) - 1, start=1)
        stop(killed)
        stop(later)
        assert sweep(stopped, set()) == 0
        assert state(killed) == state(later) == "T"


def test_process_that_runs_at_two_sweeps_is_removed_from_the_map(stopped: int) -> None:
    with running("sleep", "1000") as pid:
        enter(stopped, pid)
        seen = set[int]()
        assert sweep(stopped, seen) == 0
        assert entered(stopped, pid)
        assert sweep(stopped, seen) == 0
        assert not entered(stopped, pid)


def test_process_whose_first_thread_has_ended_is_resumed(stopped: int) -> None:
    with running(sys.executable, "-c", HEADLESS) as pid:
        until(lambda: state(pid) == "Z")
        start = enter(stopped, pid)
        assert not is_stopped(pid, start)
        os.kill(pid, signal.SIGSTOP)
        until(lambda: is_stopped(pid, start))
        # For a moment a stop is neither pending nor in force: the watchdog sweeps on.
        until(lambda: sweep(stopped, set()) == 1)
        until(lambda: not is_stopped(pid, start))


def test_stop_that_is_pending_in_a_vfork_is_canceled(stopped: int, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with running(sys.executable, "-c", IN_VFORK, str(fifo)) as pid:
        try:
            until(lambda: state(pid) == "D")
            start = enter(stopped, pid)
            os.kill(pid, signal.SIGSTOP)
            assert state(pid) == "D"
            assert is_stopped(pid, start)
            assert sweep(stopped, set()) == 1
            assert not is_stopped(pid, start)
        finally:
            os.close(os.open(fifo, os.O_WRONLY))
        until(lambda: state(pid) == "S")
