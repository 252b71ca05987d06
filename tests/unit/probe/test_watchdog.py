"""A sweep resumes what the map names and /proc shows as stopped; the map is in memory here.

The real map, and the death of a real watch, are in tests/kernel.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.host import proc
from ebpftrace.probe import watchdog
from ebpftrace.probe.structs import StructDecoder
from tests.support.process_state import state, until

NO_SUCH_PID = (1 << 22) + 1


class StoppedMap:
    """The map `stopped`, in place of bpf(2): pids and the start times of their processes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.starts: dict[int, int] = {}
        monkeypatch.setattr(watchdog, "_stopped", lambda _fd: iter(list(self.starts.items())))
        monkeypatch.setattr(watchdog, "_remove", lambda _fd, pid: self.starts.pop(pid))


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> StoppedMap:
    return StoppedMap(monkeypatch)


@pytest.fixture
def sleeper() -> Iterator[int]:
    with subprocess.Popen(["sleep", "1000"]) as process:
        yield process.pid
        process.kill()


def start_of(pid: int) -> int:
    stat = proc.read_stat(pid)
    assert stat is not None
    return stat.start_boottime_ns


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    until(lambda: state(pid) == "T")


def test_struct_has_the_size_of_the_kernels() -> None:
    assert StructDecoder(calls=False).sizes()["stop"] == watchdog.STOP.size


def test_stopped_process_in_the_map_is_resumed_and_removed(
    stopped: StoppedMap, sleeper: int
) -> None:
    stop(sleeper)
    stopped.starts[sleeper] = start_of(sleeper)
    assert watchdog.sweep(-1, set()) == 1
    until(lambda: state(sleeper) == "S")
    assert stopped.starts == {}


def test_process_that_another_program_stopped_stays_stopped(
    stopped: StoppedMap, sleeper: int
) -> None:
    stop(sleeper)
    assert watchdog.sweep(-1, set()) == 0
    assert state(sleeper) == "T"
    assert stopped.starts == {}


def test_reused_pid_is_left_alone(stopped: StoppedMap, sleeper: int) -> None:
    stop(sleeper)
    stopped.starts[sleeper] = start_of(sleeper) - 10**9
    assert watchdog.sweep(-1, set()) == 0
    assert state(sleeper) == "T"


def test_process_that_runs_at_two_sweeps_is_removed(stopped: StoppedMap, sleeper: int) -> None:
    until(lambda: state(sleeper) == "S")
    stopped.starts[sleeper] = start_of(sleeper)
    running: set[int] = set()
    assert watchdog.sweep(-1, running) == 0
    assert set(stopped.starts) == running == {sleeper}
    assert watchdog.sweep(-1, running) == 0
    assert stopped.starts == {}


def test_process_that_has_ended_does_not_keep_others_stopped(
    stopped: StoppedMap, sleeper: int
) -> None:
    stop(sleeper)
    stopped.starts = {NO_SUCH_PID: 1, sleeper: start_of(sleeper)}
    assert watchdog.sweep(-1, set()) == 1
    until(lambda: state(sleeper) == "S")


@pytest.mark.parametrize("content", [b"", b"4711 (sh) R 1", b"4711 (sh) R" + b" x" * 40])
def test_malformed_files_of_one_process_do_not_keep_others_stopped(
    monkeypatch: pytest.MonkeyPatch, stopped: StoppedMap, sleeper: int, content: bytes
) -> None:
    read = watchdog._read
    monkeypatch.setattr(
        watchdog, "_read", lambda path: content if f"/{os.getpid()}/" in path else read(path)
    )
    stop(sleeper)
    stopped.starts = {os.getpid(): 1, sleeper: start_of(sleeper)}
    assert watchdog.sweep(-1, set()) == 1
    until(lambda: state(sleeper) == "S")


def test_sweep_that_fails_does_not_end_the_watchdog(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_fd: int) -> None:
        raise ValueError

    monkeypatch.setattr(watchdog, "_stopped", fail)
    assert watchdog._swept(-1, set()) == 0


def test_pending_stop_counts_as_stopped(monkeypatch: pytest.MonkeyPatch, sleeper: int) -> None:
    until(lambda: state(sleeper) == "S")
    start = start_of(sleeper)
    assert not watchdog.is_stopped(sleeper, start)
    read = watchdog._read

    def with_pending_stop(path: str) -> bytes:
        if path.endswith("/status"):
            return b"Name:\tsleep\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000040000\n"
        return read(path)

    monkeypatch.setattr(watchdog, "_read", with_pending_stop)
    assert watchdog.is_stopped(sleeper, start)


def test_stopped_process_in_a_freezer_counts_as_stopped(
    monkeypatch: pytest.MonkeyPatch, sleeper: int
) -> None:
    until(lambda: state(sleeper) == "S")
    start, read = start_of(sleeper), watchdog._read

    def frozen(path: str) -> bytes:
        if path.endswith("/wchan"):
            return b"do_signal_stop"
        return read(path).replace(b") S ", b") D ")

    monkeypatch.setattr(watchdog, "_read", frozen)
    assert watchdog.is_stopped(sleeper, start)


THREADS = """
import threading
threading.stack_size(65536)
for _ in range(1000):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
print(flush=True)
threading.Event().wait()
"""


def test_of_a_thousand_threads_only_some_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    fields = watchdog._fields

    def counted(path: str) -> list[bytes]:
        looks.append(path)
        return fields(path)

    argv = [sys.executable, "-c", THREADS]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            start = start_of(process.pid)
            monkeypatch.setattr(watchdog, "_fields", counted)
            assert not watchdog.is_stopped(process.pid, start)
            assert len(looks) < 200
            stop(process.pid)
            assert watchdog.is_stopped(process.pid, start)
        finally:
            process.kill()


def test_it_imports_nothing_of_the_package() -> None:
    """It is run by its path, without site-packages."""
    lines = Path(watchdog.__file__).read_text(encoding="utf-8").splitlines()
    assert not [
        line
        for line in lines
        if line.lstrip().startswith(("import ", "from ")) and "ebpftrace" in line
    ]
