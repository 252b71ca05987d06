"""The kernel stops a process that grows past its bound, whether or not user space reads."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from ebpftrace.events import FuseBlown, FuseScope, ProcessKey
from ebpftrace.probe import FuseDefault, Selection
from tests.support.cgroups import memory_cgroup
from tests.support.fuses import blown, fuses
from tests.support.observer import Observer
from tests.support.process_state import state, stops
from tests.support.workload import PAGE, Workload

MIB = 1 << 20
STEP = 4 * PAGE
BATCH = 64 * PAGE
"""What a CPU takes from a memory cgroup's counter at once (MEMCG_CHARGE_BATCH)."""


@pytest.fixture(scope="module")
def observer() -> Iterator[Observer]:
    observer = Observer(Selection(comms=("fuse*",)), watermarks=True)
    yield observer
    observer.close()


def arm(observer: Observer, key: ProcessKey, own: int, signal: int = signal.SIGSTOP) -> None:
    fuses(observer).arm_process(key, own, 0, signal)


def resume(observer: Observer, key: ProcessKey) -> None:
    fuses(observer).clear_stop(key)
    os.kill(key.pid, signal.SIGCONT)


def test_process_is_stopped_at_the_page_that_crosses(observer: Observer) -> None:
    with Workload("fused") as workload:
        key = observer.started(workload.pid).key
        arm(observer, key, 100 * MIB)
        workload.do("map 300MiB")
        workload.do("touch 0 0 50MiB")
        assert not observer.all(FuseBlown, lambda event: event.key == key)
        workload.send("touch 0")
        assert stops(workload.pid)
        event = blown(observer, workload.pid)
        assert (event.scope, event.signal) == (FuseScope.PROCESS, signal.SIGSTOP)
        assert event.bound_bytes == 100 * MIB
        assert event.held_bytes == event.measured_bytes
        assert 100 * MIB <= event.held_bytes <= 100 * MIB + PAGE + observer.lag_bytes
        time.sleep(0.1)
        assert observer.counters(workload.pid).usage.held_bytes <= event.held_bytes + 4 * PAGE


def test_resumed_process_is_stopped_at_its_next_bound(observer: Observer) -> None:
    with Workload("fused") as workload:
        key = observer.started(workload.pid).key
        workload.do("map 300MiB")
        for bound in (50, 60):
            observer.forget()
            workload.do("dontneed 0 0 300MiB")
            arm(observer, key, bound * MIB)
            workload.send("touch 0")
            assert stops(workload.pid)
            assert blown(observer, workload.pid).bound_bytes == bound * MIB
            arm(observer, key, 0)
            resume(observer, key)
            workload.answer()


def test_process_is_killed_at_the_bound(observer: Observer) -> None:
    with Workload("fused") as workload:
        arm(observer, observer.started(workload.pid).key, 64 * MIB, signal.SIGKILL)
        workload.do("map 300MiB")
        workload.send("touch 0")
        assert workload.wait() == -signal.SIGKILL
        event = blown(observer, workload.pid)
        assert event.signal == signal.SIGKILL
        peak = observer.exited(workload.pid).counters.peak_bytes
        assert peak < 80 * MIB


def test_sum_of_a_job_stops_each_process_that_grows(observer: Observer) -> None:
    with (
        memory_cgroup() as group,
        Workload("fuse1", cgroup=group) as one,
        Workload("fuse2", cgroup=group) as two,
        Workload("fuse3", cgroup=group) as idle,
    ):
        for workload in (one, two, idle):
            workload.do("map 100MiB")
        observer.read()
        fuses(observer).arm_group(group.id, 100 * MIB, signal.SIGSTOP)
        one.do("touch 0 0 60MiB")
        two.send("touch 0")
        assert stops(two.pid)
        event = blown(observer, two.pid)
        assert event.scope is FuseScope.JOB
        assert (
            100 * MIB <= event.measured_bytes <= 100 * MIB + 3 * STEP + 2 * observer.lag_bytes
        )
        one.send("touch 0")
        assert stops(one.pid)
        assert state(idle.pid) == "S"


def test_charge_of_the_cgroup_includes_untracked_processes(observer: Observer) -> None:
    with (
        memory_cgroup() as group,
        Workload("fused", cgroup=group) as workload,
        Workload("stranger", cgroup=group) as stranger,
    ):
        key = observer.started(workload.pid).key
        fuses(observer).arm_process(key, 0, 100 * MIB, signal.SIGSTOP)
        stranger.do("map 90MiB")
        stranger.do("touch 0")
        workload.do("map 50MiB")
        workload.send("touch 0")
        assert stops(workload.pid)
        event = blown(observer, workload.pid)
        assert event.scope is FuseScope.CHARGE
        assert event.measured_bytes >= 100 * MIB
        assert event.held_bytes < 20 * MIB


def test_forked_child_has_its_parents_bound(observer: Observer) -> None:
    with Workload("fused") as workload:
        arm(observer, observer.started(workload.pid).key, 50 * MIB)
        observer.forget()
        workload.send("fork; map 100MiB; touch 0")
        event = observer.last(FuseBlown, lambda event: event.key.pid != workload.pid)
        assert stops(event.key.pid)
        assert event.bound_bytes == 50 * MIB
        assert event.held_bytes <= 50 * MIB + PAGE + observer.lag_bytes
        assert state(workload.pid) == "S"


@pytest.mark.parametrize("scope", [FuseScope.PROCESS, FuseScope.JOB, FuseScope.CHARGE])
def test_default_fuse_needs_no_arming(scope: FuseScope) -> None:
    """It holds from the first page on of a process that user space does not know yet."""
    fuse = FuseDefault(scope, 0.5, True, signal.SIGSTOP)
    observer = Observer(Selection(comms=("fuse*",)), watermarks=True)
    try:
        fuses(observer).set_default(fuse)
        with memory_cgroup() as group:
            group.limit(200 * MIB)
            with Workload("fused", cgroup=group) as workload:
                workload.do("map 150MiB")
                # The program's own pages, where its file is on a tmpfs.
                shmem = observer.counters(workload.pid).usage.shmem_bytes
                workload.send("touch 0")
                assert stops(workload.pid)
                event = blown(observer, workload.pid)
                assert event.scope is scope
                assert event.bound_bytes == 100 * MIB
                beyond = (BATCH if scope is FuseScope.CHARGE else 2 * STEP) + observer.lag_bytes
                if scope is FuseScope.JOB:
                    beyond += shmem  # pages that the cgroup is not charged for
                assert event.measured_bytes <= 100 * MIB + beyond
    finally:
        observer.close()


def test_stop_without_room_in_the_ring_is_reported_by_the_next_reading() -> None:
    observer = Observer(Selection(comms=("fuse*",)), watermarks=True, ring_bytes=PAGE)
    try:
        with Workload("fuse1") as first, Workload("fuse2") as second:
            one, two = (observer.started(each.pid).key for each in (first, second))
            for workload in (first, second):
                workload.do("map 16MiB")
            for _ in range(PAGE // 64):  # the ring fills with stops
                arm(observer, one, 8 * MIB)
                first.send("touch 0")
                assert stops(first.pid)
                arm(observer, one, 0)
                resume(observer, one)
                first.answer()
                first.do("dontneed 0 0 16MiB")
            arm(observer, two, 8 * MIB)
            second.send("touch 0")
            assert stops(second.pid)
            observer.read()
            assert observer.all(FuseBlown, lambda event: event.key == two)
            assert observer.probe.losses()["ring_other"] > 0
    finally:
        observer.close()
