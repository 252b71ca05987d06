"""Sums of usage, by kind and by cgroup."""

from ebpftrace.counters import Usage
from ebpftrace.ledger.shared import SharedCgroup, shared_cgroups, total


def test_a_total_sums_kind_by_kind() -> None:
    assert total([]) == Usage()
    assert total([Usage(1, 2, 3, 4), Usage(10, 20, 30, 40)]) == Usage(11, 22, 33, 44)


def test_jobs_that_share_a_cgroup_are_counted_and_summed() -> None:
    one, other = Usage(1, 2, 3, 4), Usage(10, 20, 30, 40)
    assert shared_cgroups([(7, one), (8, one), (7, other)]) == {
        7: SharedCgroup(2, Usage(11, 22, 33, 44)),
        8: SharedCgroup(1, one),
    }
