"""`--changes`: applied as the docs say, its records are the snapshots."""

import json
from typing import Any

import pytest

from ebpftrace.views.changes import WHOLE_NS, SnapshotChanges
from ebpftrace.views.jsonl import JsonLines
from ebpftrace.views.records import snapshot_record
from tests.support.changes_reader import ChangesReader
from tests.support.random_ledger import random_history
from tests.support.scripted_ledger import ScriptedLedger, identity

SECONDS = WHOLE_NS // 10**9


def parsed(record: dict[str, Any]) -> dict[str, Any]:
    """As a reader has it, the jobs in the order of their keys."""
    read: dict[str, Any] = json.loads(json.dumps(record))
    return read | {"jobs": sorted(read["jobs"], key=lambda job: job["key"])}


@pytest.mark.parametrize("seed", range(5))
def test_applied_changes_are_the_snapshot(seed: int) -> None:
    changes, reader = SnapshotChanges(), ChangesReader()
    kinds = []
    for snapshot in random_history(seed, 3 * SECONDS, "abcdef"):
        record = changes.record(snapshot)
        kinds.append(record["type"])
        reader.take(json.loads(json.dumps(record)))
        assert reader.snapshot is not None
        assert parsed(reader.snapshot) == parsed(snapshot_record(snapshot))
    assert kinds[0] == "snapshot"
    assert 2 <= kinds.count("snapshot") <= 4


def test_what_rests_is_not_listed() -> None:
    book, changes = ScriptedLedger(), SnapshotChanges()
    book.start(1, 50, identity("a", 7))
    book.start(2, 60, identity("b", 8))
    for _ in range(3):
        book.at += 1
        changes.record(book.snapshot())
    book.read(2, 60.5)
    book.at += 1
    record = changes.record(book.snapshot())
    assert (record["type"], record["since"], record["sequence"]) == ("changes", 3, 4)
    assert [job["name"] for job in record["jobs"]] == ["b"]
    assert record["gone"] == []
    book.exit(1)
    for _ in range(70):
        book.at += 0.5
        record = changes.record(book.snapshot())
    assert record["jobs"] == []


def test_job_that_is_not_shown_any_more_is_gone() -> None:
    book, changes = ScriptedLedger(), SnapshotChanges()
    book.start(1, 50, identity("a", 7))
    book.start(2, 50, identity("b", 8))
    book.exit(1)
    gone: list[str] = []
    for _ in range(SECONDS + 5):
        book.at += 1
        gone += changes.record(book.snapshot()).get("gone", [])
    assert gone == [identity("a", 7).key]
    assert changes.record(book.snapshot())["jobs"] == []


def test_reader_that_missed_a_record_waits_for_a_snapshot() -> None:
    book, changes, reader = ScriptedLedger(), SnapshotChanges(), ChangesReader()
    book.start(1, 50)
    for second in range(SECONDS + 1):
        book.at += 1
        record = changes.record(book.snapshot())
        if second != 5:
            reader.take(record)
        assert (reader.snapshot is None) == (6 <= second < SECONDS)


def test_json_lines_have_changes_only_if_asked_for() -> None:
    for asked, kinds in ((False, ["snapshot"] * 3), (True, ["snapshot", "changes", "changes"])):
        book, lines = ScriptedLedger(), list[str]()
        view = JsonLines(lines.append, changes=asked)
        book.start(1, 50)
        for _ in range(3):
            book.at += 1
            view.snapshot(book.snapshot())
        assert [json.loads(line)["type"] for line in lines] == kinds
