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
from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from tests.support.build import ROOT
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


@pytest.mark.parametrize("which", ["_above", "_below"])
def test_each_of_the_two_pipes_suffices(
    which: str, sleeper: ProcessKey, death_signals: DeathSignals
) -> None:
    """Which one the kernel acts upon depends on the order in which it closes files."""
    death_signals.register(sleeper)
    reader, writer = getattr(death_signals, which)
    assert_stays_stopped(sleeper)
    os.close(writer)
    assert_resumes(sleeper)
    setattr(death_signals, which, (reader, os.open(os.devnull, os.O_RDONLY)))


def test_one_writing_end_is_above_its_reading_ends_and_one_below(
    sleeper: ProcessKey, death_signals: DeathSignals
) -> None:
    hole = os.dup(0)
    death_signals.register(sleeper)
    above, below = death_signals._registered[sleeper]
    assert above < death_signals._above[1]
    assert below > death_signals._below[1]
    os.close(hole)


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
    for room in (0, 1, 2):
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
    ends = {*death_signals._above, *death_signals._below, *death_signals._registered[sleeper]}
    assert len(ends) == 6
    assert not [end for end in ends if os.get_inheritable(end)]


def descriptors() -> set[int]:
    """Our descriptors, without the one that listed them."""
    return {int(link.name) for link in list(Path("/proc/self/fd").iterdir()) if link.exists()}
