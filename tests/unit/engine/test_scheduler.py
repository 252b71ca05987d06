"""Few readings between two ticks, soon after a start."""

from ebpftrace.engine.scheduler import AFTER_START_NS, SnapshotScheduler

MS = 1_000_000


def test_reading_follows_soon_after_a_start_and_is_one_for_many() -> None:
    scheduler = SnapshotScheduler()
    assert not scheduler.is_due(1)
    scheduler.process_started(0)
    scheduler.process_started(5 * MS)
    assert scheduler.due_ns == AFTER_START_NS
    assert scheduler.is_due(AFTER_START_NS)


def test_readings_keep_a_distance() -> None:
    scheduler = SnapshotScheduler()
    scheduler.process_started(0)
    scheduler.taken(10 * MS, 12 * MS)
    assert scheduler.due_ns is None
    scheduler.process_started(13 * MS)
    assert scheduler.due_ns == 112 * MS


def test_long_readings_are_rare() -> None:
    scheduler = SnapshotScheduler()
    scheduler.taken(0, 50 * MS)
    scheduler.process_started(60 * MS)
    assert scheduler.due_ns == 1050 * MS


def test_short_window_is_sampled_again_and_again() -> None:
    scheduler = SnapshotScheduler()
    scheduler.taken(0, 2 * MS, 250 * MS)
    assert scheduler.due_ns == 250 * MS
    scheduler.process_started(110 * MS)  # a new process need not wait for that
    assert scheduler.due_ns == 110 * MS + AFTER_START_NS
    scheduler.taken(300 * MS, 350 * MS, 250 * MS)  # that took long: the rest comes first
    assert scheduler.due_ns == 1350 * MS


def test_stopped_process_waits_for_a_snapshot_no_longer_than_others_are_kept_waiting() -> None:
    scheduler = SnapshotScheduler()
    assert scheduler.hurries(0)
    scheduler.taken(0, 5 * MS)
    assert not scheduler.hurries(6 * MS)
    assert scheduler.due_ns == 50 * MS
    assert scheduler.hurries(50 * MS)
