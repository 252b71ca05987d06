"""A set of processes: which are signalled, and which are left out."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ebpftrace import descriptors
from ebpftrace.act.process.identity import Target, identify
from ebpftrace.act.process.pidfd_set import PidfdSet
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc
from tests.support.incidents import key_of
from tests.support.process_state import until


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "100"]) as process:
        until(lambda: proc.read_comm(process.pid) == "sleep")  # exec sets the name last
        yield process
        process.kill()


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "100"]) as process:
        yield process
        process.kill()


@pytest.fixture
def processes() -> Iterator[PidfdSet]:
    processes = PidfdSet()
    yield processes
    processes.close()


def targets(*processes: subprocess.Popen[bytes]) -> list[Target]:
    return [identify(key_of(process.pid)) for process in processes]


def test_each_process_is_signalled_until_it_has_ended(
    processes: PidfdSet, sleeper: subprocess.Popen[bytes], other: subprocess.Popen[bytes]
) -> None:
    processes.add(targets(sleeper, other))
    processes.add(targets(sleeper))  # each once
    assert processes.alive() == len(processes.fds) == 2
    other.kill()
    other.wait()
    assert processes.send(signal.SIGTERM) == 1
    assert sleeper.wait() == -signal.SIGTERM
    assert processes.alive() == 0
    assert not processes.fds


def test_processes_without_a_descriptor_are_signalled_all_the_same(
    processes: PidfdSet,
    sleeper: subprocess.Popen[bytes],
    other: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There is room for one: the other waits until the first has ended."""
    free = os.dup(0)
    os.close(free)
    monkeypatch.setattr(descriptors, "limit", lambda: free + 1 + descriptors.RESERVE)
    processes.add(targets(sleeper, other))
    assert len(processes.fds) == 1
    assert processes.alive() == 2
    assert processes.send(signal.SIGTERM) == 2
    assert sleeper.wait() == other.wait() == -signal.SIGTERM
    assert processes.alive() == 0
    assert processes.empty


def test_process_that_moved_meanwhile_is_left_out(
    processes: PidfdSet, sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    processes.add(targets(sleeper))
    monkeypatch.setattr(
        "ebpftrace.act.process.identity.memory_cgroup", lambda _pid: "/elsewhere"
    )
    assert processes.send(signal.SIGTERM) == 0
    assert not processes.fds
    assert processes.refused == f"{sleeper.pid} moved to the cgroup /elsewhere"
    assert sleeper.poll() is None


def test_process_that_is_not_what_it_was_is_not_added(
    processes: PidfdSet, sleeper: subprocess.Popen[bytes]
) -> None:
    (target,) = targets(sleeper)
    earlier = target.key._replace(start_boottime_ns=1)
    processes.add([replace(target, key=earlier), replace(target, program=(1, 1))])
    assert not processes.fds
    assert "another process's now" in processes.ended
    assert "runs another program now" in processes.refused


_IGNORE = "import os, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True)"


@pytest.mark.parametrize("later", [False, True], ids=["the same step", "a later step"])
def test_process_that_moved_and_executed_a_program_after_a_signal_gets_the_next_one(
    later: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = f"{_IGNORE}; input(); os.execlp('sleep', 'sleep', '100')"
    signalled: set[ProcessKey] = set()
    processes = PidfdSet(signalled)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as stubborn:
        assert stubborn.stdin is not None
        assert stubborn.stdout is not None
        stubborn.stdout.readline()
        (target,) = targets(stubborn)
        processes.add([target])
        assert processes.send(signal.SIGTERM) == 1
        assert signalled == {target.key}
        stubborn.stdin.write(b"\n")
        stubborn.stdin.close()
        until(lambda: proc.read_comm(stubborn.pid) == "sleep")
        if later:
            processes.close()
            processes = PidfdSet(signalled)
            processes.add([target])
        monkeypatch.setattr(
            "ebpftrace.act.process.identity.memory_cgroup", lambda _pid: "/elsewhere"
        )
        assert processes.send(signal.SIGKILL) == 1
        assert stubborn.wait() == -signal.SIGKILL
    processes.close()
