"""Gains of the last moments, whatever the distance of the snapshots."""

from dataclasses import replace

from ebpftrace.engine.recent_growth import RecentGrowth
from ebpftrace.ledger import Snapshot
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.watches import job, process, snapshot


def books(seconds: float, *held_mib: int) -> Snapshot:
    """Processes 1, 2, … that hold so much."""
    those = [process(pid, mib * MIB) for pid, mib in enumerate(held_mib, 1)]
    at = round(seconds * NS_PER_SECOND)
    return replace(snapshot(job(processes=those)), monotonic_ns=at)


def gained(lately: RecentGrowth, seconds: float) -> dict[int, int]:
    """MiB resident, by pid."""
    found = lately.gained(round(seconds * NS_PER_SECOND))
    return {key.pid: round(size * 16 / 15 / MIB) for key, size in found.items()}


def test_who_rests_has_gained_nothing() -> None:
    lately = RecentGrowth()
    for second, (one, other) in enumerate([(0, 0), (200, 0), (200, 0), (200, 0), (200, 100)]):
        lately.add(books(second, one, other))
    assert gained(lately, 4) == {1: 0, 2: 100}


def test_one_that_is_new_has_gained_all_it_holds() -> None:
    lately = RecentGrowth()
    lately.add(books(0, 200))
    lately.add(books(3, 200, 60))
    assert gained(lately, 3) == {1: 0, 2: 60}


def test_snapshots_that_come_close_together_do_not_push_out_the_past() -> None:
    lately = RecentGrowth()
    lately.add(books(0, 0))
    for step in range(1000):
        lately.add(books(1 + step / 1000, step))
    assert gained(lately, 2) == {1: 999}
    assert len(lately._kept) < 20


def test_where_readings_are_rare_the_last_one_counts() -> None:
    lately = RecentGrowth()
    for second in (0, 60, 120):
        lately.add(books(second, second))
    assert gained(lately, 120) == {1: 60}
    assert RecentGrowth().gained(0) == {}
