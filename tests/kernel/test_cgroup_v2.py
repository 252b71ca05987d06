"""What only cgroup v2 has: controllers on part of a path, group kills, counts of a subtree."""

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.events import OomKilled
from ebpftrace.probe import Selection
from tests.support.build import CACHE
from tests.support.cgroups import MemoryCgroup, memory_cgroup, require_v2, write
from tests.support.names import COMM
from tests.support.observer import Observer
from tests.support.workload import PAGE, Workload

MIB = 1 << 20


@pytest.fixture(scope="module", autouse=True)
def only_v2() -> None:
    """The memory controller is on v1 here, on v2 in the machines of tests/vm."""
    require_v2()


@pytest.fixture(scope="module")
def observer(only_v2: None) -> Iterator[Observer]:
    observer = Observer(Selection(comms=(COMM,)))
    yield observer
    observer.close()


def events(group: MemoryCgroup) -> dict[str, int]:
    """memory.events, which counts for the whole subtree; younger kernels have more fields."""
    lines = (group.path / "memory.events").read_text().splitlines()
    return {name: int(count) for name, count in map(str.split, lines)}


def there(group: MemoryCgroup, file: str) -> Path:
    """A file of a cgroup that younger kernels have; skips where there is none."""
    path = group.path / file
    if not path.exists():
        pytest.skip(f"this kernel has no {file}")
    return path


def test_nearest_cgroup_with_the_controller_is_charged(observer: Observer) -> None:
    with (
        memory_cgroup(limit=100 * MIB) as group,
        memory_cgroup(parent=group, hand_down=False) as below,
        Workload(COMM, cgroup=below) as workload,
    ):
        assert observer.started(workload.pid).cgroup_id == group.id
        workload.do("map 10MiB")
        workload.do("touch 0")
        counters = observer.cgroup(group.id).counters
        assert counters.charge_bytes == group.charge_bytes() >= 10 * MIB
        assert counters.limit_bytes == 100 * MIB


def test_peak_charge_equals_memory_peak(observer: Observer) -> None:
    with memory_cgroup() as group, Workload(COMM, cgroup=group) as workload:
        peak = there(group, "memory.peak")
        workload.do("map 50MiB")
        workload.do("touch 0")
        workload.do("unmap 0")
        counters = observer.cgroup(group.id).counters
        assert counters.peak_charge_bytes == int(peak.read_text()) > counters.charge_bytes
        assert counters.peak_charge_bytes >= 50 * MIB


def test_group_kill_reports_every_victim(observer: Observer) -> None:
    with (
        memory_cgroup(limit=60 * MIB) as group,
        Workload(COMM, cgroup=group) as small,
        Workload(COMM, cgroup=group) as large,
    ):
        write(group.path / "memory.oom.group", 1)
        small.do("map 5MiB")
        small.do("touch 0")
        large.do("map 100MiB")
        large.send("touch 0")
        assert large.wait() == small.wait() == -signal.SIGKILL
        assert observer.exited(small.pid).signal == signal.SIGKILL
        assert observer.exited(large.pid).signal == signal.SIGKILL
        kills = observer.all(OomKilled, lambda event: event.cgroup_id == group.id)
        assert {kill.key.pid for kill in kills} == {small.pid, large.pid}
        assert events(group).get("oom_group_kill", 1) == 1  # since 5.17
        # The kernel may count the one it chose first again, when it goes over the group.
        assert events(group)["oom_kill"] >= 2


def test_oom_kill_by_a_limit_above_counts_in_the_victims_cgroup(observer: Observer) -> None:
    with (
        memory_cgroup(limit=64 * MIB) as outer,
        memory_cgroup(parent=outer) as inner,
        Workload(COMM, cgroup=inner) as stays,
    ):
        with Workload(COMM, cgroup=inner) as workload:
            workload.do("map 100MiB")
            workload.send("touch 0")
            workload.wait()
        kill = observer.last(OomKilled, lambda event: event.key.pid == workload.pid)
        assert kill.cgroup_id == inner.id
        assert kill.cgroup.limit_bytes == 64 * MIB
        assert observer.tracks(stays.pid)
        counters = observer.cgroup(inner.id).counters
        assert counters.oom_kills == events(inner)["oom_kill"] == 1
        assert counters.limit_hits == events(inner)["max"] == 0
        assert counters.headroom_bytes == 64 * MIB - outer.charge_bytes()


def test_reclaim_by_another_process_is_not_a_stall(observer: Observer) -> None:
    CACHE.mkdir(exist_ok=True)
    with (
        tempfile.NamedTemporaryFile(dir=CACHE) as file,
        memory_cgroup() as group,
        Workload(COMM, cgroup=group) as workload,
    ):
        reclaim = there(group, "memory.reclaim")
        file.truncate(32 * MIB)
        workload.do(f"mapfile {file.name} 32MiB shared")
        workload.do("look 0")
        workload.do("unmap 0")
        before = observer.cgroup(group.id).counters
        assert before.charge_bytes >= 32 * MIB
        write(reclaim, 16 * MIB)
        after = observer.cgroup(group.id).counters
        assert before.charge_bytes - after.charge_bytes >= 16 * MIB - 64 * PAGE
        assert after.stalls == before.stalls
        assert observer.counters(workload.pid).stalls == 0


def test_cgroup_kill_ends_every_process(observer: Observer) -> None:
    with (
        memory_cgroup() as group,
        Workload(COMM, cgroup=group) as one,
        Workload(COMM, cgroup=group) as two,
    ):
        kill = there(group, "cgroup.kill")
        write(kill, 1)
        assert one.wait() == two.wait() == -signal.SIGKILL
        assert {observer.exited(one.pid).signal, observer.exited(two.pid).signal} == {9}
        assert observer.all(OomKilled, lambda event: event.cgroup_id == group.id) == []
