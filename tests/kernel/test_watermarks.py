"""A mark is reported once, at the page that crosses it."""

import select
from collections.abc import Iterator

import pytest

from ebpftrace.events import Breached
from ebpftrace.probe import Selection
from tests.support.cgroups import memory_cgroup
from tests.support.observer import Observer
from tests.support.workload import PAGE, Workload

MIB = 1 << 20
STEP = 4 * PAGE


@pytest.fixture(scope="module")
def observer() -> Iterator[Observer]:
    observer = Observer(Selection(comms=("mark*",)), watermarks=True)
    yield observer
    observer.close()


def test_breach_is_reported_at_the_page(observer: Observer) -> None:
    with Workload("marked") as workload:
        key = observer.started(workload.pid).key
        observer.probe.mark_process(key, 100 * MIB)
        workload.do("map 300MiB")
        workload.do("touch 0 0 50MiB")
        assert not observer.all(Breached, lambda event: event.key == key)
        workload.do("touch 0")
        (breach,) = observer.all(Breached, lambda event: event.key == key)
        assert not breach.group
        assert 100 * MIB <= breach.held_bytes <= 100 * MIB + PAGE + observer.lag_bytes


def test_mark_is_reported_once_and_can_be_set_again(observer: Observer) -> None:
    with Workload("marked") as workload:
        key = observer.started(workload.pid).key
        workload.do("map 100MiB")
        workload.do("touch 0")
        for bound in (50, 60):  # crossed already: reported at once
            observer.forget()
            observer.probe.mark_process(key, bound * MIB)
            (breach,) = observer.all(Breached, lambda event: event.key == key)
            assert breach.held_bytes >= 100 * MIB
        observer.forget()
        workload.do("dontneed 0 0 100MiB")
        workload.do("touch 0")
        assert not observer.all(Breached)


def test_breach_makes_the_descriptor_readable(observer: Observer) -> None:
    with Workload("marked") as workload:
        observer.probe.mark_process(observer.started(workload.pid).key, 40 * MIB)
        workload.do("map 60MiB")
        observer.probe.events()
        assert select.select(observer.probe.fds, [], [], 0)[0] == []
        workload.send("touch 0")
        assert select.select(observer.probe.fds, [], [], 10)[0]
        workload.answer()


def test_sum_of_a_cgroup_is_watched(observer: Observer) -> None:
    with (
        memory_cgroup() as group,
        Workload("marked1", cgroup=group) as one,
        Workload("marked2", cgroup=group) as two,
        Workload("stranger", cgroup=group) as stranger,
    ):
        observer.read()
        observer.probe.mark_group(group.id, 100 * MIB)
        for workload in (one, two, stranger):
            workload.do("map 100MiB")
        one.do("touch 0 0 60MiB")
        stranger.do("touch 0")
        assert not observer.all(Breached, lambda event: event.cgroup_id == group.id)
        two.do("touch 0 0 60MiB")
        (breach,) = observer.all(Breached, lambda event: event.cgroup_id == group.id)
        assert breach.group
        assert breach.key.pid == two.pid
        assert 100 * MIB <= breach.held_bytes <= 100 * MIB + 2 * STEP + 2 * observer.lag_bytes


def test_process_that_ended_or_moved_no_longer_counts(observer: Observer) -> None:
    with (
        memory_cgroup() as group,
        memory_cgroup() as elsewhere,
        Workload("marked1", cgroup=group) as stays,
    ):
        with Workload("marked2", cgroup=group) as ends:
            ends.do("map 80MiB")
            ends.do("touch 0")
        with Workload("marked3", cgroup=group) as moves:
            moves.do("map 80MiB")
            moves.do("touch 0")
            elsewhere.add(moves.pid)
            observer.read()
            observer.probe.mark_group(group.id, 100 * MIB)
            stays.do("map 80MiB")
            stays.do("touch 0")
            assert not observer.all(Breached, lambda event: event.cgroup_id == group.id)


def test_sum_beyond_a_new_mark_is_reported_at_once(observer: Observer) -> None:
    """It grew between the reading that the mark was made of and the mark."""
    with memory_cgroup() as group, Workload("marked", cgroup=group) as workload:
        workload.do("map 50MiB")
        workload.do("touch 0")
        observer.probe.mark_group(group.id, 40 * MIB)
        (breach,) = observer.all(Breached, lambda event: event.cgroup_id == group.id)
        assert breach.group
        assert breach.key.pid == workload.pid
        assert 40 * MIB <= breach.held_bytes <= 52 * MIB  # Debian 13: 51.3


def test_readings_do_not_delay_a_breach(observer: Observer) -> None:
    """A reading sees the sum and its parts at different moments, and must not mix them up."""
    with memory_cgroup() as group, Workload("marked", cgroup=group) as workload:
        workload.do("map 400MiB")
        observer.read()
        observer.forget()
        workload.send("touch 0")
        while not observer.all(Breached) and not workload.answered():
            observer.read()
            observer.probe.mark_group(group.id, 300 * MIB)
        workload.answer()
        breach = observer.all(Breached, lambda event: event.cgroup_id == group.id)[0]
        assert 300 * MIB <= breach.held_bytes <= 300 * MIB + STEP + observer.lag_bytes


def test_many_threads_do_not_change_the_sum(observer: Observer) -> None:
    with memory_cgroup() as group, Workload("marked", cgroup=group) as workload:
        workload.do("threads 8 16MiB")
        held = observer.counters(workload.pid).usage.held_bytes
        observer.forget()
        observer.probe.mark_group(group.id, held + 4 * STEP)
        workload.do("map 16MiB")
        workload.do("touch 0")
        (breach,) = observer.all(Breached, lambda event: event.cgroup_id == group.id)
        own = observer.counters(workload.pid).usage.held_bytes
        assert breach.held_bytes <= held + 6 * STEP + observer.lag_bytes
        assert own >= held + 15 * MIB


def test_group_reading_is_exact(observer: Observer) -> None:
    """What a breach is judged by, long after the last reading of everything."""
    with (
        memory_cgroup(512 * MIB) as group,
        memory_cgroup() as elsewhere,
        Workload("marked1", cgroup=group) as one,
        Workload("marked2", cgroup=group) as two,
        Workload("marked3", cgroup=elsewhere) as other,
        Workload("stranger", cgroup=group) as stranger,
    ):
        observer.read()
        for workload in (one, two, other, stranger):
            workload.do("map 40MiB")
            workload.do("touch 0")
        key = observer.started(two.pid).key
        reading = observer.probe.read_one_group(7, group.id, key)
        assert reading is not None
        assert {it.pid for it in reading.processes} == {one.pid, two.pid}
        held = {key.pid: it.usage.held_bytes for key, it in reading.processes.items()}
        for workload in (one, two):
            assert held[workload.pid] == observer.counters(workload.pid).usage.held_bytes
        assert abs(reading.held_bytes - sum(held.values())) <= 2 * STEP
        assert reading.counters.limit_bytes == 512 * MIB
        assert reading.counters.charge_bytes >= 120 * MIB
        assert (reading.time_ns, reading.partial) == (7, False)
        two.close_input()
        again = observer.probe.read_one_group(8, group.id, key)
        assert again is not None
        assert {it.pid for it in again.processes} == {one.pid}
        assert again.held_bytes < reading.held_bytes - 30 * MIB


def test_group_without_tracked_processes_is_none(observer: Observer) -> None:
    with memory_cgroup() as group, Workload("marked") as workload:
        key = observer.started(workload.pid).key
        assert observer.probe.read_one_group(7, group.id, key) is None
