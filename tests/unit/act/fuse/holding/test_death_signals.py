"""The kernel wakes who is tied, when the process dies that tied it; and nobody else."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ebpftrace.act.fuse.holding.death_signals import DeathSignals
from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc
from tests.support.build import ROOT

SECONDS = 30.0

DIES = """
import os, sys, time
from ebpftrace.act.fuse.holding.death_signals import DeathSignals
from ebpftrace.events import ProcessKey
tethers = DeathSignals()
tethers.tie(ProcessKey(int(sys.argv[1]), int(sys.argv[2])))
print("tied", flush=True)
time.sleep(1000)
"""


@pytest.fixture
def sleeper() -> Iterator[ProcessKey]:
    """Stopped, and not by us as far as anybody can tell."""
    with subprocess.Popen(["sleep", "1000"]) as process:
        process.send_signal(signal.SIGSTOP)
        until(lambda: state(process.pid) == "T")
        yield key_of(process.pid)
        process.kill()


@pytest.fixture
def tethers() -> Iterator[DeathSignals]:
    tethers = DeathSignals()
    yield tethers
    tethers.close()


def key_of(pid: int) -> ProcessKey:
    stat = proc.read_stat(pid)
    assert stat is not None
    return ProcessKey(pid, stat.start_boottime_ns)


def state(pid: int) -> str:
    stat = proc.read_stat(pid)
    return "" if stat is None else stat.state


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def goes_on(key: ProcessKey) -> None:
    until(lambda: state(key.pid) == "S")


def stays(key: ProcessKey) -> None:
    time.sleep(0.1)
    assert state(key.pid) == "T"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_its_holder_dies_and_it_goes_on(sleeper: ProcessKey, number: int) -> None:
    start = str(sleeper.start_boottime_ns)
    with subprocess.Popen(
        [sys.executable, "-c", DIES, str(sleeper.pid), start],
        cwd=ROOT, stdout=subprocess.PIPE,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"tied\n"
        assert state(sleeper.pid) == "T"
        holder.send_signal(number)
        goes_on(sleeper)


@pytest.mark.parametrize("which", ["_above", "_below"])
def test_each_of_the_two_pipes_would_do(
    which: str, sleeper: ProcessKey, tethers: DeathSignals
) -> None:
    """Which one the kernel acts upon is up to the order in which it closes files."""
    tethers.tie(sleeper)
    reader, writer = getattr(tethers, which)
    stays(sleeper)
    os.close(writer)
    goes_on(sleeper)
    setattr(tethers, which, (reader, os.open(os.devnull, os.O_RDONLY)))


def test_one_writing_end_is_above_all_reading_ends_and_one_below(
    sleeper: ProcessKey, tethers: DeathSignals
) -> None:
    hole = os.dup(0)
    tethers.tie(sleeper)
    above, below = tethers._tied[sleeper]
    assert above < tethers._above[1]
    assert below > tethers._below[1]
    os.close(hole)


def test_untied_it_stays_whatever_becomes_of_us(sleeper: ProcessKey) -> None:
    tethers = DeathSignals()
    tethers.tie(sleeper)
    tethers.untie(sleeper)
    tethers.untie(sleeper)
    tethers.close()
    stays(sleeper)


def test_closing_wakes_nobody(sleeper: ProcessKey) -> None:
    tethers = DeathSignals()
    tethers.tie(sleeper)
    tethers.close()
    stays(sleeper)


def test_another_process_of_this_pid_is_not_tied(
    sleeper: ProcessKey, tethers: DeathSignals
) -> None:
    before = descriptors()
    with pytest.raises(GoneError):
        tethers.tie(ProcessKey(sleeper.pid, sleeper.start_boottime_ns - 10**9))
    with pytest.raises(GoneError):
        tethers.tie(ProcessKey((1 << 22) - 1, 0))
    assert descriptors() == before


def test_without_descriptors_it_is_not_half_tied(
    sleeper: ProcessKey, tethers: DeathSignals
) -> None:
    before = descriptors()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for room in (0, 1, 2):
        free = next(n for n in range(3, 1000) if n not in before)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + room, hard))
        try:
            with pytest.raises(OSError):
                tethers.tie(sleeper)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert descriptors() == before


def test_no_child_inherits_an_end(sleeper: ProcessKey, tethers: DeathSignals) -> None:
    tethers.tie(sleeper)
    ends = {*tethers._above, *tethers._below, *tethers._tied[sleeper]}
    assert len(ends) == 6
    assert not [end for end in ends if os.get_inheritable(end)]


def descriptors() -> set[int]:
    """Ours, without the one that listed them."""
    return {int(one.name) for one in list(Path("/proc/self/fd").iterdir()) if one.exists()}
