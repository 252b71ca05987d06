"""History is bounded, and counts what cannot be dropped."""

from dataclasses import replace

from ebpftrace.counters import CgroupContents
from ebpftrace.judge.samples import Samples, of_job, of_process
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from tests.support import watches
from tests.support.curves import sample, watched


def test_two_minutes_are_kept() -> None:
    samples = watched(lambda t: t, 1000)
    kept = samples.within(2**60)
    assert kept[-1].time_ns - kept[0].time_ns == 120 * NS_PER_SECOND
    assert samples.age_ns == 1000 * NS_PER_SECOND


def test_samples_that_come_too_soon_are_left_out_but_not_a_kill() -> None:
    samples = Samples(sample(0, 10))
    samples.add(sample(0.1, 20))
    assert samples.now.held_bytes == 10 * MIB
    samples.add(sample(0.2, 20, kills=1))
    assert samples.now.oom_kills == 1


def test_page_cache_is_room() -> None:
    job = watches.job(processes=(watches.process(),), limit=2 * GIB, cache=512 * MIB)
    found = of_job(job, 5)
    assert found.time_ns == 5
    assert found.held_bytes == job.usage.held_bytes
    assert found.limit_bytes == 2 * GIB
    assert job.cgroup.headroom_bytes is not None
    assert found.room_bytes == job.cgroup.headroom_bytes + 512 * MIB


def test_unmapped_tmpfs_counts() -> None:
    job = watches.job(processes=(watches.process(),))
    contents = CgroupContents(anon_bytes=1, shmem_bytes=300 * MIB)
    job = replace(job, cgroup=replace(job.cgroup, contents=contents))
    assert of_job(job, 0).shmem_bytes == 300 * MIB


def test_without_memory_stat_the_processes_count() -> None:
    job = watches.job(processes=(watches.process(),), cache=100 * MIB)
    bare = replace(job, cgroup=replace(job.cgroup, contents=None))
    found = of_job(bare, 0)
    assert found.held_bytes == job.usage.held_bytes
    assert bare.cgroup.headroom_bytes is not None
    # File pages the processes map are charged too, and can be dropped.
    cache = bare.cgroup.charge_bytes - job.usage.held_bytes
    assert found.room_bytes == bare.cgroup.headroom_bytes + cache


def test_without_a_limit_only_the_watched_processes_count() -> None:
    job = watches.job(processes=(watches.process(),), limit=None)
    contents = CgroupContents(anon_bytes=20 * GIB)
    job = replace(job, cgroup=replace(job.cgroup, contents=contents))
    found = of_job(job, 0)
    assert found.held_bytes == job.usage.held_bytes
    assert found.room_bytes is None
    assert found.used_share is None


def test_a_process_counts_what_is_its_own() -> None:
    job = watches.example().jobs[0]
    child = job.processes[1]
    found = of_process(child, job, 0)
    assert found.held_bytes == child.own.held_bytes
    assert found.room_bytes == of_job(job, 0).room_bytes


def test_of_jobs_that_share_a_cgroup_each_counts_its_own() -> None:
    job = watches.job(processes=(watches.process(),))
    contents = CgroupContents(anon_bytes=20 * GIB)
    job = replace(job, cgroup=replace(job.cgroup, contents=contents))
    assert of_job(job, 0).held_bytes == 20 * GIB
    assert of_job(replace(job, alone=False), 0).held_bytes == job.usage.held_bytes
