"""Jobs as a user sees them: told apart, growing, running full, stalled, and killed."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cgroups import memory_cgroup
from tests.support.disks import sparse_file
from tests.support.names import unique_comm
from tests.support.patience import patient
from tests.support.records import Watch, job_of
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

MIB = 1 << 20
SECOND_NS = 1_000_000_000
FAST = ("--interval", "200ms")
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "acme/shop",
    "GITHUB_JOB": "lint",
    "GITHUB_RUN_ATTEMPT": "1",
}


def test_two_runs_in_one_cgroup_are_told_apart() -> None:
    """A bare runner: its jobs share a cgroup and differ in their variables only."""
    comm = unique_comm()
    with memory_cgroup() as group, Watch("--comm", comm, *FAST) as watch:
        for run in (70020, 70040):
            variables = {**GITHUB, "GITHUB_RUN_ID": str(run), "GITHUB_RUN_NUMBER": str(run)}
            with Workload(comm, cgroup=group, environment=variables) as workload:
                workload.do(f"map {run % 100}MiB")
                workload.do("touch 0")
                job = job_of(watch.next_snapshot(), workload.pid)
                assert job["kind"] == "github"
                assert job["name"].startswith(f"acme/shop#{run} lint")
                assert job["identified_by"] == f"GITHUB_RUN_ID of pid {workload.pid}"
                assert job["cgroup_id"] == group.id
        ended = watch.stop()
    second, first = ended.records[-1]["jobs"]  # largest peak first
    assert first["key"] != second["key"]
    for job, size in ((first, 20 * MIB), (second, 40 * MIB)):
        assert size < job["peak_bytes"] < size + 4 * MIB  # and the program itself
        assert job["processes_seen"] == 1


def test_cgroup_with_a_long_path_is_read_as_any_other() -> None:
    """Made while the watch runs, and longer than the kernel's record has room for."""
    comm = unique_comm()
    with Watch("--comm", comm, *FAST) as watch:
        watch.next_snapshot()
        with (
            memory_cgroup(limit=200 * MIB, name="/".join(("x" * 100,) * 3)) as group,
            Workload(comm, cgroup=group) as workload,
        ):
            workload.do("map 50MiB")
            workload.do("touch 0")
            job = job_of(watch.next_snapshot(), workload.pid)
        assert len(group.name) > 256
        assert (job["cgroup"], job["limit_bytes"]) == (group.name, 200 * MIB)
        assert job["charge_bytes"] > 50 * MIB
        assert job["contents"] is not None  # from its memory.stat


def test_an_oom_kill_is_told_at_once_though_the_cgroup_goes_with_it() -> None:
    comm = unique_comm()
    variables = {**GITHUB, "GITHUB_RUN_ID": "70019", "GITHUB_RUN_NUMBER": "19"}
    # No reading will help it within the hour: it is reported because the kernel said so.
    with (
        memory_cgroup(limit=200 * MIB) as group,
        Watch("--comm", comm, "--interval", "1h") as watch,
        Workload(comm, cgroup=group, environment=variables) as workload,
    ):
        workload.do("map 400MiB")
        workload.send("touch 0")
        assert workload.wait() == -signal.SIGKILL
        group.remove()
        kill = watch.wait_for(
            lambda record: record["type"] == "oom_kill" and record["pid"] == workload.pid
        )
        ended = watch.stop()
    assert kill["comm"] == comm
    assert kill["tracked"] is True
    assert kill["job"]["name"].startswith("acme/shop#19 lint")
    assert kill["job"]["cgroup_id"] == group.id
    assert kill["limit_bytes"] == 200 * MIB
    assert 180 * MIB < kill["usage"]["anon_bytes"] <= 200 * MIB
    exits = [r for r in ended.of_type("process") if r["event"] == "exit"]
    assert [(r["pid"], r["signal"]) for r in exits] == [(workload.pid, signal.SIGKILL)]
    (job,) = ended.records[-1]["jobs"]
    assert (job["oom_kills"], job["state"]) == (1, "gone")
    assert job["limit_bytes"] == 200 * MIB
    assert 180 * MIB < job["peak_bytes"] <= 200 * MIB + 4 * MIB  # and the program itself


def test_growth_and_peak_by_known_amounts() -> None:
    comm = unique_comm()
    with Watch("--comm", comm, *FAST) as watch, Workload(comm) as workload:
        before = job_of(watch.next_snapshot(), workload.pid)
        workload.do("map 60MiB")
        workload.do("touch 0")
        grown = job_of(watch.next_snapshot(), workload.pid)
        workload.do("unmap 0")
        workload.do("map 10MiB")
        workload.do("touch 1")
        shrunk = job_of(watch.next_snapshot(), workload.pid)
    own = before["usage"]["anon_bytes"] + before["usage"]["file_bytes"]
    assert abs(grown["growth"]["bytes_total"] - 60 * MIB) < MIB
    assert abs(grown["growth"]["bytes_10s"] - 60 * MIB) < MIB
    assert abs(grown["peak_bytes"] - own - 60 * MIB) < MIB
    assert abs(shrunk["growth"]["bytes_total"] - 10 * MIB) < MIB
    assert shrunk["peak_bytes"] == grown["peak_bytes"]
    assert shrunk["peak_holder"] == f"{comm} {workload.pid}"


def test_a_steady_leak_has_a_time_to_the_limit() -> None:
    comm, rate, limit = unique_comm(), 10 * MIB, 1024 * MIB
    with (
        memory_cgroup(limit=limit) as group,
        Watch("--comm", comm, *FAST) as watch,
        Workload(comm, cgroup=group) as workload,
    ):
        workload.send(f"grow {rate} {limit}")
        snapshot = watch.wait_for(
            lambda record: (
                record["type"] == "snapshot"
                and any(job["seconds_to_limit"] is not None for job in record["jobs"])
            ),
            timeout=patient(60),
        )
        job = job_of(snapshot, workload.pid)
    assert job["limit_bytes"] == limit
    assert abs(job["growth"]["bytes_per_second"] - rate) < rate / 2
    left = job["headroom_bytes"] / job["growth"]["bytes_per_second"]
    assert abs(job["seconds_to_limit"] - left) < left / 2


@pytest.fixture
def large_file() -> Iterator[Path]:
    """Its pages are cache, which can be reclaimed."""
    with sparse_file(256 * MIB) as file:
        yield file


def test_waiting_for_memory_is_told_as_a_stall(large_file: Path) -> None:
    comm = unique_comm()
    with (
        memory_cgroup(limit=64 * MIB) as group,
        Watch("--comm", comm, *FAST) as watch,
        Workload(comm, cgroup=group) as workload,
    ):
        workload.do(f"mapfile {large_file} 256MiB shared")
        workload.do("look 0")
        stall = watch.wait_for(lambda record: record["type"] == "stall")
        job = job_of(watch.next_snapshot(), workload.pid)
    assert stall["job"]["cgroup_id"] == group.id
    assert stall["stalls"] > 0
    assert 0 < stall["stalled_ns"] <= job["stalled_ns"]
    assert job["limit_hits"] > 0
