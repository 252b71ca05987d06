from dataclasses import replace

from ebpftrace.views.dashboard.model.event_buffer import KEPT, KEPT_SIGNIFICANT, EventBuffer
from ebpftrace.views.entries import Entry
from tests.support import watches


def at(entry: Entry, number: int) -> Entry:
    when_ns = watches.MONOTONIC_NS + number
    if isinstance(entry, tuple):
        return entry._replace(monotonic_ns=when_ns)
    return replace(entry, monotonic_ns=when_ns)


def test_a_storm_pushes_no_kill_off_and_the_order_is_that_of_time() -> None:
    kept = EventBuffer()
    kill = at(watches.oom_note(), 5)
    storm = [at(watches.process_note(), number) for number in range(2000) if number != 5]
    for entry in (*storm[:5], kill, *storm[5:]):
        kept.add(entry)
    assert kept.all() == (kill, *storm[-KEPT:])
    assert kept.take() == (kill, *storm[-KEPT:])
    assert kept.all() == ()


def test_both_sorts_are_bounded() -> None:
    kept = EventBuffer()
    for number in range(2000):
        kept.add(at(watches.finding(), number))
        kept.add(at(watches.process_note(), number))
    assert len(kept.all()) == KEPT + KEPT_SIGNIFICANT
