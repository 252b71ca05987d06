"""Sums and differences of usage."""

from ebpftrace.counters import Usage

USAGE = Usage(anon_bytes=1, file_bytes=20, shmem_bytes=300, swap_bytes=4000)


def test_swap_is_held_and_not_resident_and_files_are_resident_and_not_held() -> None:
    assert USAGE.resident_bytes == 321
    assert USAGE.held_bytes == 4301


def test_usage_is_added_by_kind() -> None:
    assert USAGE + Usage(1, 2, 3, 4) == Usage(2, 22, 303, 4004)
    assert sum([USAGE, USAGE], Usage()) == Usage(2, 40, 600, 8000)


def test_no_kind_of_a_difference_is_below_zero() -> None:
    """The parent may drop pages that its child still shows."""
    assert USAGE.less(Usage(2, 5, 300, 1)) == Usage(0, 15, 0, 3999)
