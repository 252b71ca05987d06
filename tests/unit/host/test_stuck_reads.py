"""Reads that are stuck are bounded, in all and for each user."""

import pytest

from ebpftrace.host.bounded import MOST_OF_OWNER, MOST_STUCK, StuckReads


def test_nothing_is_refused_and_no_owner_looked_for_while_nothing_is_stuck() -> None:
    ended: set[str] = set()
    stuck = StuckReads[str](ended.__contains__, lambda pid: pytest.fail(f"looked for {pid}"))
    assert not stuck.refuses("disk", 10)
    stuck._owner = lambda pid: pid
    stuck.add("disk", 10, "first")
    assert stuck.refuses("disk", 11)
    assert not stuck.refuses("other disk", 10)
    ended.add("first")
    assert not stuck.refuses("disk", 11)
    assert stuck.reads == []


def test_owner_has_a_share_and_all_together_a_bound() -> None:
    stuck = StuckReads[int](lambda _read: False, lambda pid: pid // 100)
    for number in range(MOST_OF_OWNER):
        assert not stuck.refuses(("disk", number), 100 + number)
        stuck.add(("disk", number), 100 + number, number)
    assert stuck.refuses("another", 199)
    assert not stuck.refuses("another", 200)
    for number in range(MOST_STUCK - MOST_OF_OWNER):
        stuck.add(("other disk", number), 200 + 100 * number, number)
    assert stuck.refuses("one more", 5000)


def test_numbers_that_nothing_lists_have_two_shares_beside_each_other() -> None:
    """Each may be a directory's user, or all of them one user's in its containers."""
    stuck = StuckReads[int](lambda _read: False, lambda pid: pid)
    first, other = 1_234_567, 1_334_567
    for number in range(MOST_OF_OWNER):
        stuck.add(number, first, number)
    assert stuck.refuses("another", first)
    for number in range(MOST_OF_OWNER):
        assert not stuck.refuses("another", first + 1 + number)
        stuck.add(("beside", number), first + 1 + number, number)
    assert stuck.refuses("another", first + 100)
    assert not stuck.refuses("another", other)
