"""The kernel resumes registered processes when the process that registered them dies."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.act.fuse.holding.death_signals import DeathSignals
from ebpftrace.descriptors import RESERVE
from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from tests.support.build import ROOT
from tests.support.incidents import key_of
from tests.support.process_state import state, until

DIES = """
import os, sys, time
from ebpftrace.act.fuse.holding.death_signals import DeathSignals
from ebpftrace.events import ProcessKey
death_signals = DeathSignals()
death_signals.register(ProcessKey(int(sys.argv[1]), int(sys.argv[2])))
print("registered", flush=True)
time.sleep(1000)
"""


@pytest.fixture
def death_signals() -> Iterator[DeathSignals]:
    death_signals = DeathSignals()
    yield death_signals
    death_signals.close()


def assert_resumes(key: ProcessKey) -> None:
    until(lambda: state(key.pid) == "S")


def assert_stays_stopped(key: ProcessKey) -> None:
    time.sleep(0.1)
    assert state(key.pid) == "T"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_process_resumes_when_its_holder_dies(sleeper: ProcessKey, number: int) -> None:
    start = str(sleeper.start_boottime_ns)
    with subprocess.Popen(
        [sys.executable, "-c", DIES, str(sleeper.pid), start],
        cwd=ROOT, stdout=subprocess.PIPE,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"registered\n"
        assert state(sleeper.pid) == "T"
        holder.send_signal(number)
        assert_resumes(sleeper)


@pytest.mark.parametrize("highest_first", [True, False])
def test_process_resumes_once_the_writing_end_is_closed(
    sleeper: ProcessKey, *, highest_first: bool
) -> None:
    """In either order in which the kernel may close files, that is the first one."""
    hole = os.dup(0)
    death_signals = DeathSignals(highest_first=highest_first)
    os.close(hole)  # a descriptor below both ends of the pipe is free again
    death_signals.register(sleeper)
    reader, writer = death_signals._pipe
    assert (writer > death_signals._registered[sleeper]) is highest_first
    assert_stays_stopped(sleeper)
    os.close(writer)
    assert_resumes(sleeper)
    death_signals._pipe = reader, os.open(os.devnull, os.O_RDONLY)
    death_signals.close()


def test_half_of_all_descriptors_is_taken_at_most(
    sleeper: ProcessKey, death_signals: DeathSignals
) -> None:
    death_signals._most = 1
    death_signals.register(sleeper)
    with subprocess.Popen(["sleep", "1000"]) as other:
        before = descriptors()
        with pytest.raises(OSError, match="Too many open files"):
            death_signals.register(key_of(other.pid))
        assert descriptors() == before
        other.kill()


def test_unregistered_process_stays_stopped(sleeper: ProcessKey) -> None:
    death_signals = DeathSignals()
    death_signals.register(sleeper)
    death_signals.unregister(sleeper)
    death_signals.unregister(sleeper)
    death_signals.close()
    assert_stays_stopped(sleeper)


def test_close_resumes_no_process(sleeper: ProcessKey) -> None:
    death_signals = DeathSignals()
    death_signals.register(sleeper)
    death_signals.close()
    assert_stays_stopped(sleeper)


def test_reused_pid_is_not_registered(sleeper: ProcessKey, death_signals: DeathSignals) -> None:
    before = descriptors()
    with pytest.raises(GoneError):
        death_signals.register(ProcessKey(sleeper.pid, sleeper.start_boottime_ns - 10**9))
    with pytest.raises(GoneError):
        death_signals.register(ProcessKey((1 << 22) - 1, 0))
    assert descriptors() == before


def test_process_is_not_half_registered_without_descriptors(
    sleeper: ProcessKey, death_signals: DeathSignals
) -> None:
    before = descriptors()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for room in (0, 1, RESERVE):
        free = next(n for n in range(3, 1000) if n not in before)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + room, hard))
        try:
            with pytest.raises(OSError):
                death_signals.register(sleeper)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert descriptors() == before


def test_child_inherits_no_end(sleeper: ProcessKey, death_signals: DeathSignals) -> None:
    death_signals.register(sleeper)
    ends = {*death_signals._pipe, death_signals._registered[sleeper]}
    assert len(ends) == 3
    assert not [end for end in ends if os.get_inheritable(end)]


def descriptors() -> set[int]:
    """Our descriptors, without the one that listed them."""
    return {int(link.name) for link in list(Path("/proc/self/fd").iterdir()) if link.exists()}


def test_processes_that_have_ended_keep_no_descriptor_where_there_are_many(
    monkeypatch: pytest.MonkeyPatch, death_signals: DeathSignals
) -> None:
    """Their ends may be reported late."""
    monkeypatch.setattr(death_signals, "_sweep_at", 3)
    before = len(descriptors())
    for _ in range(10):
        with subprocess.Popen(["sleep", "100"]) as ends:
            death_signals.register(key_of(ends.pid))
            ends.kill()
    assert len(descriptors()) - before == 7  # it is looked from 128 on then
    monkeypatch.setattr(death_signals, "_sweep_at", 7)
    with subprocess.Popen(["sleep", "100"]) as lives:
        death_signals.register(key_of(lives.pid))
        assert len(descriptors()) - before == 1
        lives.kill()
