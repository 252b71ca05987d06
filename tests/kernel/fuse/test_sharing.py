"""Processes that share all memory of a watched one, by clone(CLONE_VM)."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.events import FuseBlown, ProcessExited, ProcessKey, ProcessStarted
from ebpftrace.host import proc
from tests.support.fuses import (
    AGAIN,
    BOUND,
    COMM,
    MIB,
    blown,
    fuses,
)
from tests.support.observer import Observer
from tests.support.process_state import lives, state, stops, until
from tests.support.workload import PAGE, Workload

LINKS = pytest.mark.parametrize("links", [0, 3], ids=["child", "orphan of a chain"])


def sharer_of(workload: Workload, hold_ms: int = 0, links: int = 0) -> int:
    """A process that shares the memory of the workload, and takes it once it has waited."""
    workload.do(f"share 0 {hold_ms} {links}")
    found: list[int] = []

    def named() -> bool:
        found[:] = [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit()
            and proc.read_comm(int(entry.name)) == "sharer"
            and same_program(int(entry.name), workload)
        ]
        return bool(found)

    until(named)
    (pid,) = found
    return pid


def same_program(pid: int, workload: Workload) -> bool:
    try:
        return Path(f"/proc/{pid}/exe").samefile(workload.program)
    except OSError:
        return False


def key_of(pid: int) -> ProcessKey:
    stat = proc.read_stat(pid)
    assert stat is not None
    return ProcessKey(pid, stat.start_boottime_ns)


@pytest.fixture
def restless(observer: Observer) -> Iterator[Workload]:
    with Workload(COMM) as workload:
        workload.do("map 100MiB")
        yield workload


@LINKS
def test_sharer_is_stopped_at_the_bound_of_the_memory(
    observer: Observer, restless: Workload, links: int
) -> None:
    owner = observer.started(restless.pid).key
    pid = sharer_of(restless, links=links)
    assert stops(pid)
    event = blown(observer, pid)
    assert (event.owner, event.tracked) == (owner, owner)
    assert BOUND <= event.held_bytes <= BOUND + PAGE + observer.lag_bytes
    assert state(restless.pid) == "S"
    restless.send("touch 0")
    assert stops(restless.pid)
    assert blown(observer, restless.pid).owner is None
    most = BOUND + 8 * PAGE + 2 * observer.lag_bytes
    assert observer.counters(restless.pid).usage.held_bytes <= most
    os.kill(restless.pid, signal.SIGKILL)


@LINKS
def test_sharer_is_killed_at_the_bound_of_the_memory(
    observer: Observer, restless: Workload, links: int
) -> None:
    owner = observer.started(restless.pid).key
    fuses(observer).arm_process(owner, 8 * MIB, 0, signal.SIGKILL)
    observer.forget()
    restless.do(f"share 0 0 {links}")
    event = observer.last(FuseBlown, lambda event: event.owner == owner)
    until(lambda: not lives(event.key.pid))
    assert event.killed


@LINKS
def test_sharers_are_found(observer: Observer, restless: Workload, links: int) -> None:
    owner = observer.started(restless.pid).key
    assert observer.probe.sharers([owner]) == []
    pid = sharer_of(restless, hold_ms=60_000, links=links)
    (found,) = observer.probe.sharers([owner])
    assert found.pid == pid
    assert proc.read_stat(pid) is not None
    with Workload(COMM) as other:
        assert observer.probe.sharers([observer.started(other.pid).key]) == []
    os.kill(pid, signal.SIGKILL)
    until(lambda: observer.probe.sharers([owner]) == [])


@LINKS
def test_memory_is_tracked_under_a_sharer_once_its_process_has_ended(
    observer: Observer, links: int
) -> None:
    with Workload(COMM) as workload:
        workload.do("map 100MiB")
        workload.do("touch 0 0 32MiB")
        owner = observer.started(workload.pid).key
        pid = sharer_of(workload, hold_ms=60_000, links=links)
        try:
            workload.send("exit 0")
            workload.wait()
            observer.last(ProcessExited, lambda event: event.key == owner)
            held = observer.counters(pid).usage.held_bytes
            started = observer.started(pid)
            assert (started.how, started.parent_pid) == ("shared", owner.pid)
            assert held >= 32 * MIB
            assert observer.probe.sharers([started.key]) == []
        finally:
            os.kill(pid, signal.SIGKILL)
        observer.exited(pid)
        until(lambda: not observer.tracks(pid))


def test_bounds_of_the_memory_hold_for_the_sharer_that_remains(observer: Observer) -> None:
    with Workload(COMM) as workload:
        workload.do("map 100MiB")
        owner = observer.started(workload.pid).key
        fuses(observer).arm_process(owner, 20 * MIB, 0, signal.SIGSTOP)
        pid = sharer_of(workload, hold_ms=500)
        workload.send("exit 0")
        workload.wait()  # what the sharer takes now, it takes before the next reading
        assert stops(pid)
        event = blown(observer, pid)
        assert 20 * MIB <= event.held_bytes <= 20 * MIB + 4 * PAGE + observer.lag_bytes
        assert event.tracked.pid == pid
        started = observer.started(pid)
        assert (started.how, started.parent_pid) == ("shared", owner.pid)
        assert observer.counters(pid).usage.held_bytes >= 20 * MIB
        os.kill(pid, signal.SIGKILL)
        until(lambda: not lives(pid))


def test_memory_that_was_left_by_exec_is_tracked_under_the_sharer(observer: Observer) -> None:
    with Workload(COMM) as workload:
        workload.do("map 100MiB")
        workload.do("touch 0 0 10MiB")
        pid = sharer_of(workload, hold_ms=60_000)
        workload.do(f"exec {workload.named('other')}")
        assert observer.counters(pid).usage.held_bytes >= 10 * MIB
        os.kill(pid, signal.SIGKILL)
        until(lambda: not lives(pid))


def test_nothing_is_left_in_the_map_of_processes_that_ended_together(
    observer: Observer,
) -> None:
    with Workload(COMM) as workload:
        workload.do("map 100MiB")
        pid = sharer_of(workload, hold_ms=60_000)
        key = observer.started(workload.pid).key
        workload.send("exit 0")
        workload.wait()
        os.kill(pid, signal.SIGKILL)
        until(lambda: not lives(pid))
    observer.read()
    observer.read()
    started = {event.key.pid for event in observer.all(ProcessStarted)}
    assert key.pid in started
    assert not observer.tracks(pid)
    assert not observer.tracks(key.pid)


def test_child_that_a_sharer_forks_is_tracked_with_its_bounds(observer: Observer) -> None:
    """It has neither a watched name nor a watched parent."""
    with Workload(COMM) as workload:
        workload.do("map 100MiB")
        owner = observer.started(workload.pid).key
        fuses(observer).arm_process(owner, 20 * MIB, 0, signal.SIGSTOP)
        observer.forget()
        workload.do("share 0 0 0 fork")
        event = observer.last(FuseBlown, lambda event: event.owner is None)
        assert stops(event.key.pid)
        started = observer.started(event.key.pid)
        assert (started.how, started.parent_pid) == ("fork", owner.pid)
        assert event.bound_bytes == 20 * MIB


def test_vfork_child_is_stopped_once_it_takes_more_than_an_exec_needs(
    observer: Observer, workload: Workload
) -> None:
    workload.do("map 1MiB")
    workload.send("lend 0")  # 100 MiB by the child, in the parent's memory
    event = observer.last(FuseBlown, lambda event: event.tracked.pid == workload.pid)
    assert event.key.pid != workload.pid
    assert stops(event.key.pid)
    assert AGAIN <= event.held_bytes - BOUND <= AGAIN + PAGE + observer.lag_bytes
    fuses(observer).arm_process(event.tracked, 0, 0, signal.SIGSTOP)
    fuses(observer).clear_stop(event.key)
    os.kill(event.key.pid, signal.SIGCONT)
    workload.answer()
