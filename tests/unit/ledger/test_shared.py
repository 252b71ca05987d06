"""Sums of usage, by kind and by cgroup."""

import pytest

from ebpftrace.counters import Usage
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger.shared import SharedCgroup, UsagesBelow, shared_cgroups, total


def test_a_total_sums_kind_by_kind() -> None:
    assert total([]) == Usage()
    assert total([Usage(1, 2, 3, 4), Usage(10, 20, 30, 40)]) == Usage(11, 22, 33, 44)


def test_jobs_that_share_a_cgroup_are_counted_and_summed() -> None:
    one, other = Usage(1, 2, 3, 4), Usage(10, 20, 30, 40)
    assert shared_cgroups([((7, True), one), ((8, True), one), ((7, False), other)]) == {
        7: SharedCgroup(2, 1, Usage(11, 22, 33, 44)),
        8: SharedCgroup(1, 1, one),
    }


def in_cgroup(path: str) -> JobIdentity:
    return JobIdentity(path, path, "cgroup", "", path, hash(path))


def test_jobs_in_cgroups_below_are_summed_at_every_depth() -> None:
    jobs = [
        (in_cgroup("/ci"), Usage(1)),
        (in_cgroup("/ci/a"), Usage(10)),
        (in_cgroup("/ci/a/deep/er"), Usage(100)),
        (in_cgroup("/ci-other"), Usage(1000)),
        (in_cgroup("/else/b"), Usage(10000)),
    ]
    below = UsagesBelow(jobs)
    assert [below.of(job).anon_bytes for job, _ in jobs] == [110, 100, 0, 0, 0]
    assert (
        UsagesBelow([(in_cgroup("/"), Usage(1)), *jobs]).of(in_cgroup("/")).anon_bytes == 11111
    )


@pytest.mark.parametrize(
    ("jobs", "running", "is_running", "alone"),
    [
        (1, 1, True, True),
        (2, 2, True, False),
        (2, 1, True, True),  # the other has ended
        (2, 1, False, False),
        (2, 0, False, False),
        (1, 0, False, True),
    ],
)
def test_a_job_is_alone_where_no_other_job_of_the_cgroup_runs(
    jobs: int, running: int, is_running: bool, alone: bool
) -> None:
    assert SharedCgroup(jobs, running, Usage()).is_alone(running=is_running) is alone
