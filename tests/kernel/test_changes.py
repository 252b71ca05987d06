"""A reading reports what changed since the last one, exactly, and nothing else."""

import time
from collections.abc import Iterator

import pytest

from ebpftrace.events import CgroupRead, Event, ProcessRead, ProcessRenamed
from ebpftrace.probe import Selection
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.names import unique_comm
from tests.support.observer import Observer
from tests.support.workload import PAGE, Workload, smaps_rollup

MIB = 1 << 20


@pytest.fixture
def cgroup() -> Iterator[MemoryCgroup]:
    with memory_cgroup() as cgroup:
        yield cgroup


@pytest.fixture(params=[False, True], ids=["direct", "by-helper"])
def observer(request: pytest.FixtureRequest, cgroup: MemoryCgroup) -> Iterator[Observer]:
    observer = Observer(
        Selection(cgroups=(cgroup.name,)),
        cgroup_ids=[cgroup.id],
        by_helper=request.param,
    )
    yield observer
    observer.close()


def settle(observer: Observer) -> None:
    """Readings until one finds no process that changed: it may still be about to rest."""
    for _ in range(100):
        if not pids(changes(observer)):
            return
    raise AssertionError("something changes all the time")


def changes(observer: Observer) -> list[Event]:
    observer.forget()
    observer.read()
    return [one for one in observer.events if isinstance(one, ProcessRead | CgroupRead)]


def pids(events: list[Event]) -> set[int]:
    return {event.key.pid for event in events if isinstance(event, ProcessRead)}


def test_process_at_rest_is_not_read(observer: Observer, cgroup: MemoryCgroup) -> None:
    with Workload(unique_comm(), cgroup=cgroup), Workload(unique_comm(), cgroup=cgroup):
        settle(observer)
        assert pids(changes(observer)) == set()


@pytest.mark.parametrize(
    "commands",
    [
        ["map 1MiB", "touch 0 0 4KiB"],
        ["map 16MiB", "touch 0"],
        ["map 16MiB"],
        ["brk +1MiB"],
        ["shmem 1MiB", "touch 0"],
        ["map 16MiB", "touch 0", "dontneed 0 0 8MiB"],
        ["threads 4 1MiB"],
    ],
    ids=lambda commands: commands[-1],
)
def test_process_that_changed_is_read_exactly(
    observer: Observer, cgroup: MemoryCgroup, commands: list[str]
) -> None:
    with (
        Workload(unique_comm(), cgroup=cgroup) as other,
        Workload(unique_comm(), cgroup=cgroup) as workload,
    ):
        settle(observer)
        for command in commands:
            workload.do(command)
        assert workload.pid in pids(events := changes(observer))
        assert other.pid not in pids(events)
        settle(observer)
        observer.forget()
        workload.do("brk +1MiB")
        counters = observer.counters(workload.pid)
        actual = smaps_rollup(workload.pid)
        assert counters.usage.anon_bytes == actual["Anonymous"]


def test_each_page_of_many_readings_is_found(observer: Observer, cgroup: MemoryCgroup) -> None:
    with Workload(unique_comm(), cgroup=cgroup) as workload:
        workload.do("map 1MiB")
        settle(observer)
        first = _anon(workload.pid)
        for page in range(8):
            workload.do(f"touch 0 {page * 4}KiB 4KiB")
            (read,) = [one for one in changes(observer) if isinstance(one, ProcessRead)]
            assert read.counters.usage.anon_bytes == _anon(workload.pid)
        assert _anon(workload.pid) == first + 8 * PAGE


def test_name_is_found_although_it_was_not_reported(
    observer: Observer, cgroup: MemoryCgroup
) -> None:
    """More renames than are reported: the last one is found by the next reading."""
    with Workload(unique_comm(), cgroup=cgroup) as workload:
        settle(observer)
        for number in range(20):
            workload.do(f"name other{number}")
        observer.forget()
        observer.read()
        observer.read()
        names = [one.comm for one in observer.events if isinstance(one, ProcessRenamed)]
        assert names[-1] == "other19"


def test_cgroup_is_read_where_another_process_charges_it(cgroup: MemoryCgroup) -> None:
    comm = unique_comm()
    observer = Observer(Selection(comms=(comm,)))
    try:
        with (
            Workload(comm, cgroup=cgroup) as workload,
            Workload(unique_comm(), cgroup=cgroup) as untracked,
        ):
            settle(observer)
            untracked.do("map 16MiB")
            untracked.do("touch 0")
            events = changes(observer)
            assert workload.pid not in pids(events)
            (read,) = [one for one in events if isinstance(one, CgroupRead)]
            assert read.cgroup_id == cgroup.id
            assert read.counters.charge_bytes >= 16 * MIB
    finally:
        observer.close()


def test_new_limit_is_found_in_a_cgroup_at_rest(
    observer: Observer, cgroup: MemoryCgroup
) -> None:
    with Workload(unique_comm(), cgroup=cgroup):
        settle(observer)
        cgroup.limit(64 * MIB)
        (read,) = [one for one in changes(observer) if isinstance(one, CgroupRead)]
        assert read.counters.limit_bytes == 64 * MIB


def test_everything_is_read_again_after_a_minute(
    observer: Observer, cgroup: MemoryCgroup
) -> None:
    with Workload(unique_comm(), cgroup=cgroup) as workload:
        settle(observer)
        observer.forget()
        observer.events += observer.probe.read(time.monotonic_ns() + 61 * 10**9)
        assert workload.pid in pids(observer.events)


def _anon(pid: int) -> int:
    return smaps_rollup(pid)["Anonymous"]
