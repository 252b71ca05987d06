"""History is bounded, and counts what cannot be dropped."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.counters import CgroupContents
from ebpftrace.judge.sample import of_job, of_process
from ebpftrace.judge.samples import Samples
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from tests.support import watches
from tests.support.curves import sample, watched


def test_two_minutes_are_kept() -> None:
    samples = watched(lambda t: t, 1000)
    kept = samples.within(2**60)
    assert kept[-1].time_ns - kept[0].time_ns == 120 * NS_PER_SECOND
    assert samples.age_ns == 1000 * NS_PER_SECOND


def test_the_newest_sample_counts_and_close_ones_before_it_are_left_out() -> None:
    """What held the memory may have ended a tenth of a second ago."""
    samples = Samples(sample(0, 190))
    for tenth in range(1, 11):
        samples.add(sample(tenth / 10, 190 - tenth))
        assert samples.now.held_bytes == (190 - tenth) * MIB
    assert len(samples.within(10 * NS_PER_SECOND)) == 5
    assert samples.before(NS_PER_SECOND // 2).held_bytes == 187 * MIB


def test_a_sample_with_a_kill_keeps_its_place() -> None:
    samples = Samples(sample(0, 10))
    samples.add(sample(0.1, 20, kills=1))
    samples.add(sample(0.2, 20, kills=1))
    assert [one.oom_kills for one in samples.within(NS_PER_SECOND)] == [0, 1, 1]


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
    job = replace(job, cgroup=job.cgroup._replace(contents=contents))
    assert of_job(job, 0).shmem_bytes == 300 * MIB


def test_without_memory_stat_the_processes_count() -> None:
    job = watches.job(processes=(watches.process(),), cache=100 * MIB)
    bare = replace(job, cgroup=job.cgroup._replace(contents=None))
    found = of_job(bare, 0)
    assert found.held_bytes == job.usage.held_bytes
    assert bare.cgroup.headroom_bytes is not None
    # File pages the processes map are charged too, and can be dropped.
    cache = bare.cgroup.charge_bytes - job.usage.held_bytes
    assert found.room_bytes == bare.cgroup.headroom_bytes + cache


def test_without_a_limit_only_the_watched_processes_count() -> None:
    job = watches.job(processes=(watches.process(),), limit=None)
    contents = CgroupContents(anon_bytes=20 * GIB)
    job = replace(job, cgroup=job.cgroup._replace(contents=contents))
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
    job = replace(job, cgroup=job.cgroup._replace(contents=contents))
    assert of_job(job, 0).held_bytes == 20 * GIB
    assert of_job(replace(job, alone=False), 0).held_bytes == job.usage.held_bytes


HELD = st.lists(
    st.tuples(st.sampled_from([0.25, 0.5, 1, 5, 70]), st.integers(0, 5)), min_size=1
)


@given(HELD, st.integers(0, 100))
def test_a_floor_that_is_asked_for_within_two_minutes_has_every_sample(
    steps: list[tuple[float, int]], asked: int
) -> None:
    late, always, seconds = Samples(sample(0, 3)), Samples(sample(0, 3)), 0.0
    always.keep_floor()
    for number, (step, mib) in enumerate(steps):
        if number == asked or seconds + step > 120:
            late.keep_floor()
        seconds += step
        for samples in (late, always):
            samples.add(sample(seconds, mib))
    for window in (100, 121, 3600):
        assert late.lowest(window * NS_PER_SECOND) == always.lowest(window * NS_PER_SECOND)


def test_later_samples_are_not_in_the_floor() -> None:
    samples = Samples(sample(0, 50))
    for second in range(1, 100):
        samples.add(sample(second, 50 + second))
    extended = samples.with_later([sample(101, 1)])
    assert extended.lowest(250 * NS_PER_SECOND)[1] == 50 * MIB  # asked for the first time
    for second in range(102, 301):
        samples.add(sample(second, 50 + second))
    assert samples.with_later([sample(301, 1)]).lowest(251 * NS_PER_SECOND)[1] == 100 * MIB
    assert samples.lowest(250 * NS_PER_SECOND)[1] == 100 * MIB


def test_kernel_memory_of_the_whole_cgroup_is_held() -> None:
    job = watches.job(processes=[watches.process()])
    cgroup = job.cgroup._replace(kernel_bytes=300 * MIB)
    counted = of_job(replace(job, cgroup=cgroup), 0)
    assert counted.kernel_bytes == 300 * MIB
    assert counted.held_bytes == of_job(job, 0).held_bytes + 300 * MIB
    unlimited = cgroup._replace(limit_bytes=None, headroom_bytes=None)
    assert of_job(replace(job, cgroup=unlimited), 0).kernel_bytes == 0
