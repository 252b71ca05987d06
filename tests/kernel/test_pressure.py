"""OOM kills, stalls and the last counters of a cgroup that goes."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.events import CgroupGone, CgroupMade, OomKilled
from ebpftrace.probe import Selection
from tests.support.cgroups import memory_cgroup
from tests.support.disks import sparse_file
from tests.support.names import COMM
from tests.support.observer import Observer
from tests.support.workload import Workload

MIB = 1 << 20


@pytest.fixture(scope="module")
def observer() -> Iterator[Observer]:
    observer = Observer(Selection(comms=(COMM,)))
    yield observer
    observer.close()


@pytest.fixture
def large_file() -> Iterator[Path]:
    """Its pages are cache, which can be reclaimed."""
    with sparse_file(256 * MIB) as file:
        yield file


def test_oom_kill_names_its_victim_and_its_cgroup(observer: Observer) -> None:
    with memory_cgroup(limit=200 * MIB) as group, Workload(COMM, cgroup=group) as workload:
        workload.do("map 400MiB")
        workload.send("touch 0")
        assert workload.wait() == -signal.SIGKILL
        kill = observer.last(OomKilled, lambda event: event.key.pid == workload.pid)
        assert kill.tracked
        assert kill.key == observer.started(workload.pid).key
        assert kill.comm == COMM
        assert kill.cgroup_id == group.id
        assert kill.cgroup.limit_bytes == 200 * MIB
        assert 180 * MIB < kill.usage.anon_bytes <= 200 * MIB
        assert observer.exited(workload.pid).signal == signal.SIGKILL


def test_victim_is_not_the_process_that_reached_the_limit(observer: Observer) -> None:
    """The small one asks for the page that does not fit; the kernel takes the large one."""
    with (
        memory_cgroup(limit=100 * MIB) as group,
        Workload(COMM, cgroup=group) as large,
        Workload(COMM, cgroup=group) as small,
    ):
        large.do("map 80MiB")
        large.do("touch 0")
        small.do("map 30MiB")
        small.send("touch 0")
        assert large.wait() == -signal.SIGKILL
        observer.last(OomKilled, lambda event: event.key.pid == large.pid)
        kills = observer.all(OomKilled, lambda event: event.cgroup_id == group.id)
        # The small one may be next, if the large one's pages come back too slowly.
        assert kills[0].key.pid == large.pid


def test_untracked_victim_is_reported(observer: Observer) -> None:
    with memory_cgroup(limit=50 * MIB) as group, Workload("stranger", cgroup=group) as workload:
        workload.do("map 100MiB")
        workload.send("touch 0")
        workload.wait()
        kill = observer.last(OomKilled, lambda event: event.key.pid == workload.pid)
        assert not kill.tracked
        assert (kill.comm, kill.cgroup_id) == ("stranger", group.id)


def test_last_counters_of_a_removed_cgroup_are_reported(observer: Observer) -> None:
    with memory_cgroup(limit=64 * MIB) as group:
        with Workload(COMM, cgroup=group) as workload:
            workload.do("map 100MiB")
            workload.send("touch 0")
            workload.wait()
        name, hits = group.name, group.id
        group.remove()
        gone = observer.last(CgroupGone, lambda event: event.cgroup_id == hits)
        assert gone.path == name
        assert gone.counters.oom_kills == 1
        assert gone.counters.limit_hits > 0
        assert gone.counters.limit_bytes == 64 * MIB
        assert 60 * MIB < gone.counters.peak_charge_bytes <= 64 * MIB


def test_new_cgroup_is_reported_with_its_path(observer: Observer) -> None:
    with memory_cgroup() as group:
        made = observer.last(CgroupMade, lambda event: event.cgroup_id == group.id)
        assert made.path == group.name


def test_limit_hits_and_kills_are_those_of_the_kernel(observer: Observer) -> None:
    with (
        memory_cgroup(limit=64 * MIB) as group,
        Workload(COMM, cgroup=group) as stays,
    ):
        with Workload(COMM, cgroup=group) as workload:
            workload.do("map 100MiB")
            workload.send("touch 0")
            workload.wait()
        counters = observer.cgroup(group.id).counters
        assert counters.oom_kills == group.oom_kills() == 1
        assert counters.limit_hits == group.limit_hits() > 0
        assert observer.tracks(stays.pid)


def test_direct_reclaim_counts_as_a_stall(observer: Observer, large_file: Path) -> None:
    """A file larger than the limit is read: the reader reclaims its own cache, again and
    again, and is counted with its cgroup."""
    with (
        memory_cgroup(limit=32 * MIB) as group,
        Workload(COMM, cgroup=group) as workload,
    ):
        before = observer.counters(workload.pid)
        workload.do(f"mapfile {large_file} 256MiB shared")
        workload.do("look 0")
        after = observer.counters(workload.pid)
        assert after.stalls > before.stalls
        assert after.stalled_ns > before.stalled_ns
        counters = observer.cgroup(group.id).counters
        assert counters.stalls == after.stalls
        assert counters.stalled_ns == after.stalled_ns
