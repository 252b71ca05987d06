"""What was read is held in memory up to a bound, and written later."""

import json
import threading
from pathlib import Path

import pytest

from ebpftrace.act.actions.support.evidence import Part
from ebpftrace.act.actions.support.first_turn import FirstTurn
from ebpftrace.act.actions.support.saving import Saving
from ebpftrace.units import MIB

TURN = FirstTurn(False)


def part(name: str, size: int, *, later: bool = False) -> Part:
    return Part(name, lambda limit: b"x" * min(size, limit), limit_bytes=2 * MIB, later=later)


class Rig:
    """`saving` makes `folder`, and `hidden` before it."""

    def __init__(self, folder: Path, size_bytes: int = 16 * MIB) -> None:
        self.folder, self.hidden = folder / "saved", folder / ".hidden"
        self.saving = Saving(self.folder, self.hidden, size_bytes)

    def read(self, *parts: Part) -> None:
        self.saving.read(parts, threading.Event())

    def write(self) -> dict[str, int]:
        """The sizes of what is in the folder then."""
        self.saving.write(TURN, {"schema": 1})
        manifest = json.loads((self.folder / "manifest.json").read_bytes())
        assert manifest == {"schema": 1, "parts": self.saving.entries}
        return sizes(self.folder)


def sizes(folder: Path) -> dict[str, int]:
    """Of all files but the manifest."""
    found = {file.name: file.stat().st_size for file in folder.iterdir()}
    del found["manifest.json"]
    return found


def test_nothing_is_written_before_it_is_time(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.read(part("one", 7), part("two", MIB - 7))
    assert list(tmp_path.iterdir()) == []
    assert rig.write() == {"one": 7, "two": MIB - 7}
    assert not rig.hidden.exists()


def test_what_is_more_than_is_held_in_memory_is_written_at_once(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.read(part("late", 3, later=True), part("one", 7), part("two", MIB), part("three", 5))
    assert sizes(rig.hidden) == {"one": 7, "two": MIB}
    assert not rig.folder.exists()
    assert rig.write() == {"late": 3, "one": 7, "two": MIB, "three": 5}


def test_later_parts_have_what_the_others_left(tmp_path: Path) -> None:
    rig = Rig(tmp_path, size_bytes=10)
    rig.read(part("late", 8, later=True), part("one", 7))
    assert rig.write() == {"late": 3, "one": 7}
    assert [entry["cut"] for entry in rig.saving.entries] == [True, False]


def test_file_that_cannot_be_written_costs_no_other(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.read(part("no/folder", 7), part("one", 7))
    assert rig.write() == {"one": 7}
    failed, whole = rig.saving.entries
    assert "FileNotFoundError" in failed["error"]
    assert (failed["bytes"], whole["bytes"], whole["error"]) == (0, 7, None)


def test_what_is_abandoned_is_removed_and_nothing_of_another(tmp_path: Path) -> None:
    rig, other = Rig(tmp_path), Rig(tmp_path)
    rig.read(part("one", 2 * MIB))
    with pytest.raises(FileExistsError):
        other.read(part("one", 2 * MIB))
    other.saving.abandon()
    assert sizes(rig.hidden) == {"one": 2 * MIB}
    rig.saving.abandon()
    assert list(tmp_path.iterdir()) == []
