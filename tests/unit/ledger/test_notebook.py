import pytest

from ebpftrace.counters import CgroupPressure
from ebpftrace.ledger import LossNote, OomNote, PressureNote, ProcessNote, StallNote
from tests.support.scripted_ledger import ScriptedLedger, identity


def test_stalls_are_noted_as_they_grow() -> None:
    book = ScriptedLedger()
    book.start(1)
    book.notes()
    book.cgroup(stalls=2, stalled_ns=20)
    book.cgroup(stalls=2, stalled_ns=20)
    book.cgroup(stalls=5, stalled_ns=80)
    noted = [note for note in book.notes() if isinstance(note, StallNote)]
    assert [(note.stalls, note.stalled_ns) for note in noted] == [(2, 20), (3, 60)]
    assert {note.job for note in noted} == {identity()}
    assert (book.job().stalls, book.job().stalled_ns) == (5, 80)
    book.cgroup_gone(stalls=6, stalled_ns=100)
    (last,) = book.notes()
    assert isinstance(last, StallNote)
    assert (last.stalls, last.stalled_ns) == (1, 20)


def test_pressure_is_noted_since_the_last_reading() -> None:
    book = ScriptedLedger()
    book.start(1)
    book.cgroup(pressure=CgroupPressure(1_000, 50, 20, 0.0, 0.0))
    book.notes()
    (noted,) = book.pressed(CgroupPressure(1_900, 350, 120, 0.1, 0.0))
    assert isinstance(noted, PressureNote)
    assert (noted.some_ns, noted.full_ns, noted.within_ns) == (300, 100, 900)
    assert noted.job == identity()
    (again,) = book.pressed(CgroupPressure(2_900, 360, 120, 0.1, 0.0))
    assert isinstance(again, PressureNote)
    assert (again.some_ns, again.full_ns, again.within_ns) == (10, 0, 1_000)
    book.oom(1)  # its counters come without
    pressure = book.job().cgroup.pressure
    assert pressure is not None
    assert pressure.some_ns == 360


def test_losses_are_noted_as_they_grow_and_summed_in_every_snapshot() -> None:
    book = ScriptedLedger()
    book.losses(ring_start=2)
    book.losses(ring_start=2)
    book.losses(ring_start=7, processes_full=1)
    noted = [
        (note.cause, note.count, note.total)
        for note in book.notes()
        if isinstance(note, LossNote)
    ]
    assert noted == [("ring_start", 2, 2), ("ring_start", 5, 7), ("processes_full", 1, 1)]
    assert (
        book.snapshot().losses == book.final().losses == {"ring_start": 7, "processes_full": 1}
    )


def test_notes_are_reported_once_and_in_order() -> None:
    book = ScriptedLedger()
    book.start(1)
    book.oom(1)
    book.exit(1, signal=9)
    kinds = [type(note) for note in book.notes()]
    assert kinds == [ProcessNote, OomNote, ProcessNote]
    assert book.notes() == ()


def test_losses_of_a_snapshot_cannot_be_changed() -> None:
    book = ScriptedLedger()
    book.losses(ring_start=2)
    losses = book.snapshot().losses
    with pytest.raises(TypeError):
        losses["ring_start"] = 0  # type: ignore[index]
    book.losses(ring_start=3)
    assert losses == {"ring_start": 2}
