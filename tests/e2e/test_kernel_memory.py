"""Kernel memory fills the limit: it is counted as the kernel counts it, and judged."""

import tempfile
from pathlib import Path

import pytest

from ebpftrace.units import MIB
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.disks import sparse_file
from tests.support.kinds import kinds_process
from tests.support.records import Record, Watch

pytestmark = pytest.mark.kernel

NOISE = 2 * MIB  # what a batch of pages a CPU, and the reading of the files itself, may be off


def kernel_truth(group: MemoryCgroup) -> int:
    """Kernel memory as the kernel's own files have it, on v2 without what can be dropped.

    No workload but `names` leaves much behind that can be.
    """
    if group.version == 1:
        return int((group.path / "memory.kmem.usage_in_bytes").read_text())
    stat = stat_of(group)
    kernel = stat.get("kernel")
    if kernel is None:  # before 5.18
        kernel = sum(stat.get(name, 0) for name in ("slab", "kernel_stack", "pagetables"))
    droppable = max(0, stat["slab_reclaimable"] - stat.get("slab_unreclaimable", 0))
    return kernel + stat["sock"] - droppable


def stat_of(group: MemoryCgroup) -> dict[str, int]:
    lines = (group.path / "memory.stat").read_text().splitlines()
    return {name: int(value) for name, value in (line.split() for line in lines)}


def require_total(group: MemoryCgroup, kind: str) -> None:
    """Skip where the kernel shows memory of this kind in no file, or as what it can drop."""
    unseen = kind in {"pipes", "sockets"} and group.version == 2
    if unseen and "kernel" not in stat_of(group):
        pytest.skip("before 5.18 no file shows the buffers of pipes and sockets on cgroup v2")
    if group.version == 2 and kind == "tables" and "pagetables" not in stat_of(group):
        pytest.skip("before 5.11 no file shows page tables on cgroup v2")


def job_of(snapshot: Record, group: MemoryCgroup) -> Record:
    return next(job for job in snapshot["jobs"] if job["cgroup"] == group.name)


@pytest.mark.parametrize("kind", ["pipes", "sockets", "tables", "files"])
def test_kernel_memory_is_counted_and_its_climb_is_judged(kind: str) -> None:
    with (
        memory_cgroup(limit=100 * MIB) as group,
        tempfile.TemporaryDirectory(dir="/dev/shm", prefix="ebpftrace-test-") as folder,
        kinds_process(group, {"FOLDER": folder}) as process,
        Watch("--cgroup", group.name, "--interval", "500ms") as watch,
    ):
        require_total(group, kind)
        before = kernel_truth(group)
        process.do(f"{kind} 75 15")
        job = job_of(watch.next_snapshot(), group)
        truth = kernel_truth(group)
        assert truth - before > 40 * MIB, "the workload does not take what it should"
        assert abs(job["kernel_bytes"] - truth) <= NOISE
        inside = job["contents"]
        rest = job["charge_bytes"] - sum(
            inside[name] for name in ("anon_bytes", "shmem_bytes", "cache_bytes")
        )
        assert abs(rest - inside["reclaimable_bytes"] - truth) <= 2 * NOISE
        found = watch.wait_for(
            lambda record: record["type"] == "finding" and record["detector"] == "forecast"
        )
        assert "kernel memory" in found["sentence"]
        assert process.is_running


def test_an_exhausting_climb_of_pipes_is_called_before_the_kill() -> None:
    with (
        memory_cgroup(limit=100 * MIB) as group,
        kinds_process(group) as process,
        Watch("--cgroup", group.name, "--interval", "250ms") as watch,
    ):
        require_total(group, "pipes")
        process.send("pipes 200 60")
        found = watch.wait_for(
            lambda record: record["type"] == "finding" and record["detector"] == "exhaustion",
            60,
        )
        assert process.is_running
        assert "of it kernel memory" in found["sentence"]
        assert found["measured"] >= 0.97
        kill = watch.wait_for(lambda record: record["type"] == "oom_kill", 30)
        assert kill["kernel_bytes"] > 70 * MIB


def test_page_cache_and_its_nodes_are_no_kernel_memory_that_fills_the_limit() -> None:
    """A flood of page cache fills the limit; its index in the kernel stays small."""
    with (
        memory_cgroup(limit=60 * MIB) as group,
        sparse_file(150 * MIB) as file,
        Watch("--cgroup", group.name, "--interval", "250ms") as watch,
    ):
        script = f"cat {file} >/dev/null; sleep 60"
        process = group.run(["/bin/sh", "-c", script], start_new_session=True)
        try:
            watch.wait_for(
                lambda record: (
                    record["type"] == "snapshot"
                    and any(
                        job["cgroup"] == group.name and job["charge_bytes"] > 55 * MIB
                        for job in record["jobs"]
                    )
                )
            )
            job = job_of(watch.next_snapshot(), group)
            assert job["kernel_bytes"] < 10 * MIB
            found = [one["sentence"] for one in watch.records if one["type"] == "finding"]
            assert found == []
        finally:
            process.kill()
            process.wait()


def test_names_that_were_only_looked_for_fill_no_limit() -> None:
    """Three times the limit: the kernel drops the oldest, and the process runs on."""
    with (
        memory_cgroup(limit=100 * MIB) as group,
        kinds_process(group) as process,
        Watch("--cgroup", group.name, "--interval", "250ms") as watch,
    ):
        process.do("names 70 3")
        job = job_of(watch.next_snapshot(), group)
        assert kernel_total(group) > 60 * MIB, "the workload does not take what it should"
        assert job["kernel_bytes"] < 15 * MIB
        assert job["contents"]["reclaimable_bytes"] > 50 * MIB
        process.do("names 300 12")
        assert group.limit_hits() > 0
        watch.next_snapshot()
        assert process.is_running
        found = {one["detector"] for one in watch.records if one["type"] == "finding"}
        assert found <= {"thrash"}, found


def test_a_process_is_not_ended_for_names_that_it_looked_for(tmp_path: Path) -> None:
    audit = tmp_path / "audit.jsonl"
    options = ("--level", "70%", "--on-breach", "true", "--audit", str(audit))
    with (
        memory_cgroup(limit=100 * MIB) as group,
        kinds_process(group) as process,
        Watch("--cgroup", group.name, "--interval", "250ms", *options) as watch,
    ):
        process.do("names 200 8")
        watch.next_snapshot()
        assert process.is_running
        assert [one for one in watch.records if one["type"] in {"step", "fuse"}] == []


def kernel_total(group: MemoryCgroup) -> int:
    if group.version == 1:
        return kernel_truth(group)
    return stat_of(group)["slab_reclaimable"]
