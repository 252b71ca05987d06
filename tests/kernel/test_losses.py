"""No process is lost: those that are short-lived, and those whose records are."""

import struct
import subprocess
from collections.abc import Iterator

import pytest

from bench.observers import storm
from ebpftrace.events import (
    ProcessExited,
    ProcessRead,
    ProcessStarted,
)
from ebpftrace.probe import Selection
from ebpftrace.probe.loading import bpf
from ebpftrace.units import MIB, PAGE_SIZE
from tests.support.cgroups import memory_cgroup
from tests.support.names import COMM
from tests.support.observer import Observer
from tests.support.process_state import until
from tests.support.workload import Workload


@pytest.fixture(scope="module")
def observer() -> Iterator[Observer]:
    observer = Observer(Selection(comms=(COMM, "other*")))
    yield observer
    observer.close()


def test_process_that_lives_five_milliseconds_is_reported(observer: Observer) -> None:
    with Workload(COMM) as workload:
        (pid,) = map(
            int,
            workload.do(
                f"burst 1 1; exec {workload.program}; map 3MiB; touch 0; sleep 5; exit 9"
            ),
        )
        exited = observer.exited(pid)
        assert exited.exit_code == 9
        assert exited.counters.mapped_bytes == 3 * MIB
        assert 3 * MIB <= exited.counters.peak_bytes < 5 * MIB
        assert observer.started(pid).how == "exec"


def test_more_running_processes_than_the_ring_has_room_for_are_found_without_a_loss() -> None:
    with memory_cgroup() as group:
        first = group.run([storm(), "many", "600", "0"])
        try:
            until(lambda: len(group.pids()) == 600)
            pids = group.pids()
            observer = Observer(
                Selection(cgroups=(group.name,)), cgroup_ids=(group.id,), ring_bytes=1 << 19
            )
            try:
                losses = observer.probe.losses()
                observer.read()
                started = [e for e in observer.all(ProcessStarted) if e.key.pid in pids]
            finally:
                observer.close()
        finally:
            first.kill()
            first.wait()
    assert losses == {}
    assert sorted(e.key.pid for e in started) == sorted(pids)
    assert {e.how for e in started} == {"found"}


def test_five_hundred_short_processes_are_reported_or_counted_as_lost() -> None:
    """Lost they may be where the kernel preempts a task within a raw tracepoint."""
    observer = Observer(Selection(comms=(COMM,)))
    try:
        with Workload(COMM) as workload:
            pids = set(
                map(int, workload.do("burst 500 2000; map 1MiB; touch 0; sleep 5; exit 0"))
            )
            observer.read()
            exited = {e.key.pid: e for e in observer.all(ProcessExited)}
            started = {e.key.pid for e in observer.all(ProcessStarted)}
        assert len(pids) == 500
        losses = observer.probe.losses()
        missed = losses.pop("missed_runs", 0)
        assert len(pids - started) <= missed
        assert len(pids - exited.keys()) <= missed
        mapped = {pid: exited[pid].counters.mapped_bytes for pid in pids & exited.keys()}
        assert sum(one != MIB for one in mapped.values()) <= missed, mapped
        assert losses == {}
    finally:
        observer.close()


def test_ring_that_is_too_small_loses_records_but_no_process() -> None:
    """A page holds a handful of records; user space does not read until the end."""
    observer = Observer(Selection(comms=(COMM,)), ring_bytes=PAGE_SIZE)
    try:
        with Workload(COMM) as workload:
            children = [int(workload.do("fork")[0]) for _ in range(PAGE_SIZE // 200)]
            observer.read()
            started = {event.key.pid for event in observer.all(ProcessStarted)}
            assert {workload.pid, *children} <= started
            losses = observer.probe.losses()
            assert losses["ring_start"] > 0
            # Processes of other tests have the name too, and may end meanwhile.
            assert losses.keys() <= {"ring_start", "ring_exit", "ring_other", "missed_runs"}

        def all_have_ended() -> bool:  # late, where their exit was missed
            observer.read()
            exited = {event.key.pid for event in observer.all(ProcessExited)}
            return {workload.pid, *children} <= exited

        until(all_have_ended)
    finally:
        observer.close()


def test_process_whose_exit_was_missed_is_removed(
    monkeypatch: pytest.MonkeyPatch, observer: Observer
) -> None:
    """Where a task is preempted within a raw tracepoint, the program is not run for the next.

    This kernel may not do that: an entry is written into the map as a missed exit leaves it.
    """
    observer.forget()  # the records of other processes of this name may fill the ring
    with Workload(COMM) as workload, subprocess.Popen(["true"]) as gone:
        gone.wait()
        key = observer.started(workload.pid).key
        processes = observer.probe._processes
        fd, size = observer.probe._programs.map_fd("processes"), processes._size
        mm = processes.mm_of(key)
        assert mm is not None
        entry = bytearray(bpf.lookup(fd, struct.pack("=Q", mm), size) or b"")
        struct.pack_into("=Q", entry, 0, 4711)
        struct.pack_into("=I", entry, 32, gone.pid)
        bpf.update(fd, struct.pack("=Q", 4711), bytes(entry))
        fd = observer.probe._programs.map_fd("process_mm")
        bpf.update(fd, struct.pack("=I", gone.pid), struct.pack("=Q", 4711))
        monkeypatch.setattr(observer.probe._programs, "missed_runs", lambda _names: 0)
        assert observer.counters(gone.pid)  # nothing was missed, so no process is checked
        monkeypatch.setattr(observer.probe._programs, "missed_runs", lambda _names: 1)
        observer.read()
        assert observer.exited(gone.pid).executed is False
        observer.forget()
        observer.read()
        read_pids = {event.key.pid for event in observer.all(ProcessRead)}
        assert workload.pid in read_pids
        assert gone.pid not in read_pids


def test_full_map_is_counted_as_a_loss() -> None:
    observer = Observer(Selection(comms=("crowd",)), max_processes=4)
    try:
        with Workload("crowd") as workload:
            for _ in range(10):
                workload.do("fork")
            observer.read()
            assert len({e.key for e in observer.all(ProcessStarted)}) == 4
            assert observer.probe.losses()["processes_full"] == 7
    finally:
        observer.close()
