"""Each type of note has one row, from which every view takes what it shows."""

from typing import get_args

import pytest

from ebpftrace.ledger import notes
from ebpftrace.ledger.notes import Note
from ebpftrace.views.entries import emphasis
from ebpftrace.views.notes import FORMATS, note_format
from ebpftrace.views.pipe.backlog import is_routine
from ebpftrace.views.records import note_record
from ebpftrace.views.text_lines import note_line
from tests.support import watches

NOTES = (
    watches.process_note(),
    watches.oom_note(),
    watches.stall_note(),
    watches.pressure_note(),
    watches.loss_note(),
)


def test_every_type_of_note_has_a_row() -> None:
    types = {value for name, value in vars(notes).items() if name.endswith("Note")} - {Note}
    assert types == set(get_args(Note)) == FORMATS.keys() == {type(note) for note in NOTES}


@pytest.mark.parametrize("note", NOTES, ids=lambda note: type(note).__name__)
def test_first_word_of_a_line_is_the_type_of_the_json_object(note: Note) -> None:
    kind = note_format(note).kind
    assert note_line(note).split()[0] == note_record(note)["type"] == kind


@pytest.mark.parametrize("note", NOTES, ids=lambda note: type(note).__name__)
def test_routine_notes_are_those_without_emphasis(note: Note) -> None:
    assert is_routine(note) == (emphasis(note) in {"faint", "plain"})
