"""What is held and resumed; neither a watchdog nor a map is real here.

The death of a real watch is in tests/kernel/test_holding.py.
"""

import errno
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from ebpftrace.act.fuse.holding import holding as module
from ebpftrace.act.fuse.holding.death_signals import DeathSignals
from ebpftrace.act.fuse.holding.holding import Holding
from ebpftrace.descriptors import hold_spares, release_spares
from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host.ready import WaitReadable
from ebpftrace.probe import watchdog
from ebpftrace.probe.loading import bpf
from tests.support.descriptors import no_descriptor_left
from tests.support.process_state import state, until

NOT_STARTED = "stopped processes have no watchdog: No such file or directory"


class FakeSupervisor:
    """In place of a watchdog."""

    pid = 4242

    def __init__(self, map_fd: int) -> None:
        self.map_fd = map_fd
        self.closed = False

    def check(self) -> str:
        return NOT_STARTED

    def close(self, _wait: WaitReadable) -> None:
        self.closed = True


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What is asked of the map at the end."""
    made: list[tuple[str, Any]] = []
    monkeypatch.setattr(module, "WatchdogSupervisor", FakeSupervisor)
    monkeypatch.setattr(bpf, "delete", lambda _fd, key: made.append(("delete", key)))
    monkeypatch.setattr(watchdog, "sweep", lambda *_: made.append(("sweep", None)))
    return made


@pytest.fixture
def holding(calls: list[tuple[str, Any]]) -> Iterator[Holding]:
    map_fd = os.open(os.devnull, os.O_RDONLY)
    made = Holding(map_fd)
    os.close(map_fd)  # it has its own
    yield made
    if ("sweep", None) not in calls:
        made.close()


def test_held_process_is_resumed_once(holding: Holding, sleeper: ProcessKey) -> None:
    assert holding.hold(sleeper) == ""
    assert holding.hold(sleeper) == ""
    holding.resume(sleeper)
    until(lambda: state(sleeper.pid) == "S")
    os.kill(sleeper.pid, signal.SIGSTOP)  # by another program
    until(lambda: state(sleeper.pid) == "T")
    holding.resume(sleeper)
    assert state(sleeper.pid) == "T"


def test_released_process_is_not_resumed(holding: Holding, sleeper: ProcessKey) -> None:
    holding.hold(sleeper)
    holding.release(sleeper)
    holding.resume(sleeper)
    assert state(sleeper.pid) == "T"


def test_process_that_has_ended_is_not_held(holding: Holding) -> None:
    gone = ProcessKey((1 << 22) - 1, 1)
    with pytest.raises(GoneError):
        holding.hold(gone)
    assert not holding.holds(gone)


def test_process_without_a_death_signal_is_held_and_that_is_returned(
    holding: Holding, sleeper: ProcessKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_self: object, _key: ProcessKey) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(DeathSignals, "register", full)
    assert holding.hold(sleeper) == (
        f"process {sleeper.pid} has no death signal, only the watchdog would resume it: "
        "Too many open files"
    )
    assert holding.holds(sleeper)


def test_process_that_another_program_resumed_is_found(
    holding: Holding, sleeper: ProcessKey
) -> None:
    holding.hold(sleeper)
    assert holding.resumed_by_others() == []
    os.kill(sleeper.pid, signal.SIGCONT)
    until(lambda: state(sleeper.pid) == "S")
    assert holding.resumed_by_others() == [sleeper]


def test_process_whose_stop_is_still_to_come_is_not_taken_for_resumed(
    holding: Holding, sleeper: ProcessKey
) -> None:
    os.kill(sleeper.pid, signal.SIGCONT)
    until(lambda: state(sleeper.pid) == "S")
    holding.hold(sleeper)
    assert holding.resumed_by_others() == []


def test_killed_process_is_not_taken_for_resumed(holding: Holding, sleeper: ProcessKey) -> None:
    holding.hold(sleeper)
    holding.resumed_by_others()
    os.kill(sleeper.pid, signal.SIGKILL)
    until(lambda: state(sleeper.pid) in ("Z", ""))
    assert holding.resumed_by_others() == []


def test_process_is_resumed_where_no_descriptor_is_left(
    holding: Holding, sleeper: ProcessKey
) -> None:
    holding.hold(sleeper)
    hold_spares()
    try:
        with no_descriptor_left(os.getpid()):
            holding.resume(sleeper)
    finally:
        release_spares()
    until(lambda: state(sleeper.pid) == "S")


def test_close_resumes_all_that_are_held_and_sweeps_for_the_others(
    holding: Holding, sleeper: ProcessKey, calls: list[tuple[str, Any]]
) -> None:
    holding.hold(sleeper)
    holding.close()
    assert calls == [("delete", sleeper.pid.to_bytes(4, "little")), ("sweep", None)]
    until(lambda: state(sleeper.pid) == "S")


def test_watchdog_is_the_supervisors(holding: Holding) -> None:
    assert holding.watchdog_pid == FakeSupervisor.pid
    assert holding.check() == NOT_STARTED
