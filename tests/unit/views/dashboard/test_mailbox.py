import select

from ebpftrace.views.dashboard.mailbox import Mailbox
from ebpftrace.views.dashboard.model.event_buffer import KEPT
from ebpftrace.views.entries import Entry
from tests.support import watches


def ready(box: Mailbox) -> bool:
    return bool(select.select([box.wake_fd], [], [], 0)[0])


def test_the_newest_snapshot_and_all_notes_in_order() -> None:
    box = Mailbox()
    first, second = watches.snapshot(), watches.example()
    notes: tuple[Entry, ...] = (watches.process_note(), watches.oom_note())
    box.put_snapshot(first)
    box.put_snapshot(second)
    for note in notes:
        box.put_entry(note)
    assert box.snapshot is second
    assert box.take_entries() == notes
    assert box.take_entries() == ()
    box.close()


def test_it_wakes_once_however_often_it_was_put() -> None:
    box = Mailbox()
    assert not ready(box)
    for _ in range(3):
        box.put_snapshot(watches.snapshot())
    assert ready(box)
    box.woken()
    assert not ready(box)
    box.woken()  # nothing to clear is no error
    box.close()


def test_untaken_entries_are_bounded() -> None:
    box = Mailbox()
    for _ in range(KEPT + 10):
        box.put_entry(watches.process_note())
    assert len(box.take_entries()) == KEPT
    box.close()
