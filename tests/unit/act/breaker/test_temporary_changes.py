"""What the steps of an incident changed for a time, on files that are written here."""

from pathlib import Path

from ebpftrace.act.breaker.temporary_changes import TemporaryChanges
from ebpftrace.act.process.undo import Undo


def change(file: Path, value: str, *, before_kill: bool = False) -> Undo:
    """A change of a file that holds "changed" now."""
    file.write_text("changed", encoding="utf-8")
    return Undo(file.name, file, file.stat().st_ino, value, before_kill=before_kill)


def test_the_first_change_of_a_file_is_what_is_restored(tmp_path: Path) -> None:
    file = tmp_path / "memory.high"
    changes = TemporaryChanges()
    changes.add(change(file, "original"))
    changes.add(change(file, "between"))
    assert changes.undo_all() == []
    assert file.read_text().startswith("original")


def test_early_changes_are_undone_before_the_others(tmp_path: Path) -> None:
    frozen, limit = tmp_path / "freezer.state", tmp_path / "memory.high"
    changes = TemporaryChanges()
    changes.add(change(frozen, "thawed!", before_kill=True))
    changes.add(change(limit, "max....", before_kill=False))
    changes.undo_early()
    assert (frozen.read_text(), limit.read_text()) == ("thawed!", "changed")


def test_a_failure_is_reported_and_does_not_keep_others_from_being_undone(
    tmp_path: Path,
) -> None:
    file = tmp_path / "memory.high"
    changes = TemporaryChanges()
    changes.add(change(file, "max...."))
    changes.add(Undo("broken", tmp_path, 1, "x"))  # a folder cannot be written
    (failure,) = changes.undo_all()
    assert str(tmp_path) in failure
    assert file.read_text() == "max...."
