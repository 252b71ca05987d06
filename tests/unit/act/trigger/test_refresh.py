"""A job updated from a reading of its cgroup, and the lag of memory.stat."""

from dataclasses import replace
from pathlib import Path

import pytest

from ebpftrace.act.trigger.refresh import (
    contents_now,
    correct_stat_lag,
    files_of,
    refresh_job,
)
from ebpftrace.counters import CgroupContents, ProcessCounters, Usage
from ebpftrace.events import GroupReading
from ebpftrace.judge.sample import of_job
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, Snapshot
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from tests.support import watches

KIB_BYTES = 1024
NEW = watches.process(5000)


def held(mib: int) -> ProcessCounters:
    return watches.counters(mib * MIB)._replace(usage=Usage(anon_bytes=mib * MIB))


def snapshot(*processes: ProcessSnapshot, names: tuple[str, ...] = ("build-42",)) -> Snapshot:
    """Jobs of these names in one cgroup, each with these processes."""
    jobs = [watches.job(processes=processes, limit=GIB) for _ in names]
    named = [
        replace(job, identity=job.identity._replace(key=name))
        for job, name in zip(jobs, names, strict=True)
    ]
    return watches.snapshot(*named)


def reading(job: JobSnapshot, *, partial: bool = False, **processes: int) -> GroupReading:
    """What each process holds by its pid (`p4711=200`), in MiB."""
    keys = {process.pid: process.key for process in (*job.processes, NEW)}
    read = {keys[int(name[1:])]: held(mib) for name, mib in processes.items()}
    total = sum(counters.usage.held_bytes for counters in read.values())
    made = GroupReading(
        NS_PER_SECOND, job.identity.cgroup_id, job.cgroup, total + 50 * MIB * partial, read
    )
    return made._replace(partial=partial)


def test_the_usage_is_that_of_the_reading_and_the_growth_that_of_the_snapshot() -> None:
    (job,) = snapshot(watches.process(book=held(100))).jobs
    fresh = refresh_job(job, reading(job, p4711=200), None)
    assert fresh.usage.held_bytes == 200 * MIB
    assert fresh.processes[0].own.held_bytes == 200 * MIB
    assert fresh.growth == job.growth


def test_what_a_child_shared_is_no_gain_when_its_parent_ended_since() -> None:
    shared = held(100)._replace(inherited=Usage(anon_bytes=80 * MIB))
    (job,) = snapshot(watches.process(book=shared)).jobs
    fresh = refresh_job(job, reading(job, p4711=110), None)
    assert fresh.processes[0].own.held_bytes == 30 * MIB
    assert fresh.usage.held_bytes == 110 * MIB  # of the job: no other process has it


def test_what_a_parent_gave_back_since_is_no_gain_of_its_child() -> None:
    shared = held(100)._replace(inherited=Usage(anon_bytes=80 * MIB))
    (job,) = snapshot(watches.process(book=shared)).jobs
    less = held(110)._replace(inherited=Usage(anon_bytes=10 * MIB))
    read = reading(job, p4711=110)
    read = read._replace(processes=dict.fromkeys(read.processes, less))
    fresh = refresh_job(job, read, None)
    assert fresh.processes[0].own.held_bytes == 30 * MIB
    assert fresh.usage.held_bytes == 100 * MIB


def test_a_process_that_ended_since_is_gone() -> None:
    (job,) = snapshot(watches.process(book=held(100))).jobs
    fresh = refresh_job(job, reading(job), None)
    assert fresh.processes == ()
    assert fresh.usage.held_bytes == 0


@pytest.mark.parametrize(
    ("names", "mib"), [(("one",), 300), (("one", "two"), 200)], ids=["alone", "shared cgroup"]
)
def test_a_process_that_started_since_counts_if_the_job_is_alone(
    names: tuple[str, ...], mib: int
) -> None:
    job = snapshot(watches.process(book=held(100)), names=names).jobs[0]
    fresh = refresh_job(job, reading(job, p4711=200, p5000=100), None)
    assert fresh.usage.held_bytes == mib * MIB
    assert [process.pid for process in fresh.processes] == [4711]


def test_a_partial_reading_is_completed_by_the_sum_of_the_kernel_side() -> None:
    (job,) = snapshot(watches.process(book=held(100))).jobs
    fresh = refresh_job(job, reading(job, partial=True, p4711=200), None)
    assert fresh.usage.held_bytes == 250 * MIB


def test_memory_stat_is_read_from_the_folder_of_the_cgroup(tmp_path: Path) -> None:
    (tmp_path / "memory.stat").write_text(f"total_rss {30 * MIB}\ntotal_shmem {10 * MIB}\n")
    taken = snapshot(watches.process())
    cgroup_id = taken.jobs[0].identity.cgroup_id
    asked: list[str] = []

    def folder(path: str) -> Path:
        asked.append(path)
        return tmp_path

    contents = contents_now(files_of(cgroup_id, taken, folder))
    assert contents is not None
    assert contents.anon_bytes == 30 * MIB
    assert asked == [taken.jobs[0].identity.cgroup]
    assert contents_now(files_of(cgroup_id, taken, lambda _path: None)) is None
    assert files_of(cgroup_id + 1, taken, folder) is None


def test_the_root_has_no_memory_stat_of_its_own(tmp_path: Path) -> None:
    job = watches.job(processes=(watches.process(),))
    root = replace(job, identity=job.identity._replace(cgroup="/"))
    taken = watches.snapshot(root)
    assert files_of(root.identity.cgroup_id, taken, lambda _path: tmp_path) is None


@pytest.mark.parametrize(
    ("behind", "corrected"), [(0, 0), (64 * KIB_BYTES, 64 * KIB_BYTES), (GIB, 0), (-MIB, 0)]
)
def test_only_a_difference_within_the_lag_is_corrected(behind: int, corrected: int) -> None:
    """A larger one is memory that other processes freed."""
    (job,) = snapshot(watches.process(book=held(100))).jobs
    contents = CgroupContents(2 * GIB, 0, 0)
    last = of_job(replace(job, cgroup=job.cgroup._replace(contents=contents)), 0)
    gained = 10 * MIB
    fresh = last._replace(anon_bytes=last.anon_bytes + gained - behind)
    exact = correct_stat_lag(fresh, last, gained)
    assert exact.held_bytes == fresh.held_bytes + corrected


def test_the_room_is_corrected_too() -> None:
    (job,) = snapshot(watches.process(book=held(100))).jobs
    last = of_job(job, 0)
    assert last.room_bytes is not None
    fresh = last._replace(room_bytes=last.room_bytes - 10 * MIB + 64 * KIB_BYTES)
    assert correct_stat_lag(fresh, last, 10 * MIB).room_bytes == last.room_bytes - 10 * MIB
