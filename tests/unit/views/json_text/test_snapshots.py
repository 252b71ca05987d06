"""Text that is kept is what each record would be if it was written anew."""

from collections.abc import Iterator

import pytest

from ebpftrace.ledger import ProcessSnapshot, Snapshot
from ebpftrace.views.changes import WHOLE_NS, SnapshotChanges
from ebpftrace.views.json_text import snapshots
from ebpftrace.views.json_text.encode import json_line
from ebpftrace.views.json_text.snapshots import SnapshotText
from ebpftrace.views.records import snapshot_record
from tests.support.random_ledger import random_history
from tests.support.scripted_ledger import ScriptedLedger, identity

NAMES = [
    "x",
    "y",
    '"age_ns":5',
    '\\"age_ns\\":5',
    '"jobs":[]',
    "%d %s {0}",
    "\ud800",
    "😀",
    "]}",
]
SECONDS = WHOLE_NS // 10**9


def history(seed: int) -> Iterator[Snapshot]:
    """Of jobs with all kinds of names."""
    return random_history(seed, 3 * SECONDS, NAMES)


@pytest.mark.parametrize("seed", range(5))
def test_a_line_is_the_record_of_the_snapshot(seed: int) -> None:
    text = SnapshotText()
    for snapshot in history(seed):
        assert text.line(snapshot) == json_line(snapshot_record(snapshot))


def test_a_long_line_comes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_PART_BYTES", 1)
    text = SnapshotText()
    for snapshot in history(seed=1):
        parts = list(text.parts(snapshot))
        assert len(parts) == 1 + len(snapshot.jobs)
        assert "".join(parts) == json_line(snapshot_record(snapshot))


@pytest.mark.parametrize("seed", range(5))
def test_with_changes_a_line_is_the_record_of_what_changed(seed: int) -> None:
    text, changes = SnapshotText(changes=True), SnapshotChanges()
    for snapshot in history(seed):
        assert text.line(snapshot) == json_line(changes.record(snapshot))


@pytest.mark.parametrize("changes", [False, True])
def test_the_text_of_what_did_not_change_is_not_made_again(
    monkeypatch: pytest.MonkeyPatch, changes: bool
) -> None:
    book, text = ScriptedLedger(), SnapshotText(changes=changes)
    made: list[int] = []
    make = snapshots._process_text

    def counted(process: ProcessSnapshot) -> object:
        made.append(process.pid)
        return make(process)

    monkeypatch.setattr(snapshots, "_process_text", counted)
    for pid in (1, 2, 3):
        book.start(pid, 5, identity("a" if pid < 3 else "b", pid % 2))
    for second in range(6):
        book.at += 1
        book.read(1, 5 + second)
        text.line(book.snapshot())
    assert made.count(1) >= 5
    assert made.count(2) <= 3
    assert made.count(3) <= 2


def test_with_changes_only_the_text_of_what_changed_is_kept() -> None:
    book, text = ScriptedLedger(), SnapshotText(changes=True)
    for pid in (1, 2, 3):
        book.start(pid, 5, identity(str(pid), pid))
    for second in range(6):
        book.at += 1
        book.read(2, 5 + second)
        text.line(book.snapshot())
    assert list(text._kept) == [identity("2", 2).key]
