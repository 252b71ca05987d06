"""Few looks, soon after a start."""

from ebpftrace.engine.scheduler import AFTER_START_NS, SnapshotScheduler

MS = 1_000_000


def test_soon_after_a_start_and_once_for_many() -> None:
    looks = SnapshotScheduler()
    assert not looks.is_due(1)
    looks.process_started(0)
    looks.process_started(5 * MS)
    assert looks.due_ns == AFTER_START_NS
    assert looks.is_due(AFTER_START_NS)


def test_after_a_look_there_is_none_for_a_while() -> None:
    looks = SnapshotScheduler()
    looks.process_started(0)
    looks.taken(10 * MS, 12 * MS)
    assert looks.due_ns is None
    looks.process_started(13 * MS)
    assert looks.due_ns == 112 * MS


def test_what_takes_long_is_done_seldom() -> None:
    looks = SnapshotScheduler()
    looks.taken(0, 50 * MS)
    looks.process_started(60 * MS)
    assert looks.due_ns == 1050 * MS


def test_a_short_window_is_looked_at_again_and_again() -> None:
    looks = SnapshotScheduler()
    looks.taken(0, 2 * MS, 250 * MS)
    assert looks.due_ns == 250 * MS
    looks.process_started(110 * MS)  # one who is new need not wait for that
    assert looks.due_ns == 110 * MS + AFTER_START_NS
    looks.taken(300 * MS, 350 * MS, 250 * MS)  # that took long: the rest comes first
    assert looks.due_ns == 1350 * MS
