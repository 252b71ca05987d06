"""A job's counts from memory.events and memory.pressure, each event provoked."""

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.build import CACHE
from tests.support.cgroups import MemoryCgroup, memory_cgroup, require_v2, write
from tests.support.names import unique_comm
from tests.support.records import Record, Watch, holds, job_of
from tests.support.workload import Workload

MIB = 1 << 20
COMM = unique_comm()


@pytest.fixture(scope="module", autouse=True)
def only_v2() -> None:
    require_v2()


@pytest.fixture(scope="module")
def watch(only_v2: None) -> Iterator[Watch]:
    with Watch("--comm", COMM, "--interval", "200ms") as watch:
        yield watch


@pytest.fixture
def large_file() -> Iterator[Path]:
    """A sparse file on a disk: its pages are cache, which can be reclaimed."""
    CACHE.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=CACHE) as file:
        file.truncate(128 * MIB)
        yield Path(file.name)


def read_it(workload: Workload, file: Path) -> None:
    workload.do(f"mapfile {file} 128MiB shared")
    workload.do("look 0")


def events(group: MemoryCgroup) -> dict[str, int]:
    lines = (group.path / "memory.events").read_text().splitlines()
    return {name: int(count) for name, count in map(str.split, lines)}


def events_of(watch: Watch, workload: Workload, group: MemoryCgroup) -> Record:
    """The job's events, which must be those of its memory.events."""
    counted: Record = job_of(watch.next_snapshot(), workload.pid)["memory_events"]
    known = {name: count for name, count in counted.items() if count is not None}
    assert known == {name: events(group)[name] for name in counted if name in events(group)}
    return counted


def test_low_event_is_counted(watch: Watch, large_file: Path) -> None:
    """Protected by memory.low, and the limit above leaves nothing else to be reclaimed."""
    with (
        memory_cgroup(limit=48 * MIB) as outer,
        memory_cgroup(parent=outer) as inner,
        Workload(COMM, cgroup=inner) as workload,
    ):
        write(inner.path / "memory.low", 256 * MIB)
        read_it(workload, large_file)
        assert events_of(watch, workload, inner)["low"] > 0


def test_high_event_is_counted(watch: Watch, large_file: Path) -> None:
    with memory_cgroup() as group, Workload(COMM, cgroup=group) as workload:
        write(group.path / "memory.high", 32 * MIB)
        read_it(workload, large_file)
        counted = events_of(watch, workload, group)
        assert counted["high"] > 0
        assert counted["max"] == counted["oom"] == 0
        job = job_of(watch.next_snapshot(), workload.pid)
        assert (job["high_bytes"], job["limit_bytes"]) == (32 * MIB, None)


def test_max_event_is_counted(watch: Watch, large_file: Path) -> None:
    with memory_cgroup(limit=32 * MIB) as group, Workload(COMM, cgroup=group) as workload:
        read_it(workload, large_file)
        counted = events_of(watch, workload, group)
        assert counted["max"] > 0
        assert counted["high"] == counted["oom_kill"] == 0
        job = job_of(watch.next_snapshot(), workload.pid)
        assert job["limit_hits"] == job["memory_events"]["max"]


def test_oom_and_oom_kill_events_are_counted(watch: Watch) -> None:
    with (
        memory_cgroup(limit=64 * MIB) as group,
        Workload(COMM, cgroup=group) as stays,
    ):
        with Workload(COMM, cgroup=group) as workload:
            workload.do("map 100MiB")
            workload.send("touch 0")
            assert workload.wait() == -signal.SIGKILL
        counted = events_of(watch, stays, group)
        assert counted["oom"] > 0
        assert counted["oom_kill"] == 1
        assert not counted["oom_group_kill"]


def test_group_kill_is_counted_when_no_process_is_left(watch: Watch) -> None:
    with memory_cgroup(limit=64 * MIB) as group:
        with Workload(COMM, cgroup=group) as one, Workload(COMM, cgroup=group) as other:
            write(group.path / "memory.oom.group", 1)
            watch.next_snapshot()
            one.do("map 100MiB")
            one.send("touch 0")
            assert one.wait() == other.wait() == -signal.SIGKILL
        kernel, group_id = events(group), group.id
        group.remove()
    job = next(job for job in watch.next_snapshot()["jobs"] if job["cgroup_id"] == group_id)
    assert job["state"] == "gone"
    assert job["memory_events"]["oom_group_kill"] == kernel.get("oom_group_kill")
    assert kernel.get("oom_group_kill", 1) == 1
    assert job["memory_events"]["oom_kill"] == kernel["oom_kill"] >= 2


def test_stall_is_reported_at_once() -> None:
    """The next snapshot is far away: only a PSI trigger can have reported it."""
    with (
        memory_cgroup() as group,
        Workload(COMM, cgroup=group) as workload,
        Watch("--comm", COMM, "--interval", "10m") as watch,
    ):
        if not (group.path / "memory.pressure").exists():
            pytest.skip("this kernel has no PSI: no memory.pressure")
        first = watch.wait_for(lambda record: record["type"] == "snapshot")
        before = job_of(first, workload.pid)["pressure"]["some_ns"]
        write(group.path / "memory.high", 8 * MIB)
        workload.do("map 40MiB")
        workload.send("touch 0")
        counted = watch.wait_for(lambda record: record["type"] == "pressure", 60)
        write(group.path / "memory.high", "max")
        workload.answer()
        ended = watch.stop()
    assert counted["job"]["cgroup_id"] == group.id
    assert ended.records[0]["features"]["stalls"] == "at once, by PSI triggers"
    assert 0 < counted["full_ns"] <= counted["some_ns"] <= counted["period_ns"]
    assert len(ended.of_type("snapshot")) == 1
    last = next(job for job in ended.records[-1]["jobs"] if job["cgroup_id"] == group.id)
    assert last["pressure"]["some_ns"] >= before + counted["some_ns"]


def test_cgroup_kill_is_a_signal_and_not_an_oom_kill(
    watch: Watch,
) -> None:
    with (
        memory_cgroup(limit=64 * MIB) as group,
        Workload(COMM, cgroup=group) as one,
        Workload(COMM, cgroup=group) as other,
    ):
        kill = group.path / "cgroup.kill"
        if not kill.exists():
            pytest.skip("this kernel has no cgroup.kill (Linux 5.14)")
        watch.next_snapshot()
        write(kill, 1)
        assert one.wait() == other.wait() == -signal.SIGKILL
        snapshot = watch.next_snapshot()
        signals = {
            record["pid"]: record["signal"]
            for record in watch.records
            if record.get("event") == "exit" and record["job"]["cgroup_id"] == group.id
        }
        assert signals.keys() == {one.pid, other.pid}
        # If the kernel ran no program for an exit, only the fact of the exit is known.
        missed = snapshot["losses"].get("missed_runs", 0)
        assert list(signals.values()).count(9) >= 2 - missed
        (job,) = [job for job in snapshot["jobs"] if job["cgroup_id"] == group.id]
        assert (job["state"], job["oom_kills"], job["processes_seen"]) == ("idle", 0, 2)


def test_delegated_cgroups_are_jobs_under_the_limit_above(watch: Watch) -> None:
    """As a runner does that was given a cgroup: it makes its own below, limits above."""
    with (
        memory_cgroup(limit=100 * MIB, name="runner.slice/runner.service") as runner,
        memory_cgroup(parent=runner) as first,
        memory_cgroup(parent=runner) as second,
        Workload(COMM, cgroup=first) as one,
        Workload(COMM, cgroup=second) as other,
    ):
        for workload, size in ((one, "20MiB"), (other, "30MiB")):
            workload.do(f"map {size}")
            workload.do("touch 0")
        snapshot = watch.next_snapshot()
        jobs = {job_of(snapshot, workload.pid)["key"] for workload in (one, other)}
        assert len(jobs) == 2
        for workload, group in ((one, first), (other, second)):
            job = job_of(snapshot, workload.pid)
            assert (job["cgroup"], job["kind"]) == (group.name, "systemd")
            assert job["name"].startswith("runner.service/ebpftrace-test-")
            assert job["limit_bytes"] == 100 * MIB
            assert job["headroom_bytes"] <= 100 * MIB - 50 * MIB, "the other's counts as well"


def test_job_throttled_by_memory_high_is_thrashing(watch: Watch) -> None:
    """No process is killed there, and there is no limit: only its waiting gives it away."""
    with memory_cgroup() as group, Workload(COMM, cgroup=group) as workload:
        workload.do("map 200MiB")
        write(group.path / "memory.high", 16 * MIB)
        workload.send("touch 0")
        found = watch.wait_for(
            lambda record: (
                record["type"] == "finding"
                and record["detector"] == "thrash"
                and record["job"]["cgroup_id"] == group.id
            ),
            90,
        )
        write(group.path / "memory.high", "max")
        workload.answer()
    assert "of memory.high, 16 MiB" in found["sentence"]
    assert found["measured"] >= found["bound"]


def test_selected_cgroup_includes_all_below_it() -> None:
    """On v2 what has cgroups below has no processes of its own."""
    with (
        memory_cgroup() as group,
        Watch("--cgroup", group.name, "--interval", "200ms") as watch,
        memory_cgroup(parent=group) as below,
        Workload("any", cgroup=below) as inside,
        Workload("any") as outside,
    ):
        watch.wait_for(holds(inside.pid))
        snapshot = watch.next_snapshot()
        assert [job["cgroup"] for job in snapshot["jobs"]] == [below.name]
        pids = {one["pid"] for job in snapshot["jobs"] for one in job["processes"]}
        assert pids == {inside.pid}, f"and not {outside.pid}"
