"""The audit log and the evidence, joined."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.errors import EbpftraceError, UntrustedError
from ebpftrace.incidents.catalog import Catalog, at_once
from ebpftrace.incidents.known import details_of, result_of
from tests.support.saved import ID, LATER, line, lines, save, write_log


def newest(folder: Path, most: int = 9) -> list[dict[str, Any]]:
    catalog = Catalog(folder / "audit.jsonl", lambda: [folder / "saved"])
    return at_once(catalog.newest(most))


def test_an_incident_has_what_the_log_and_what_capture_say(tmp_path: Path) -> None:
    write_log(tmp_path / "audit.jsonl", *lines(), line("suppressed", ""))
    save(tmp_path / "saved")
    (found,) = newest(tmp_path)
    assert found["incident"] == ID
    assert found["time"] == "2026-11-23T12:00:07.250000Z"
    assert (found["job"], found["result"]) == ("build-42", "helped")
    assert found["evidence"]["files"] == 3
    assert found["evidence"]["complete"] is True


def test_either_of_the_two_is_enough(tmp_path: Path) -> None:
    write_log(tmp_path / "audit.jsonl", *lines(incident=LATER))
    save(tmp_path / "saved")
    later, earlier = newest(tmp_path)
    assert (later["incident"], later["evidence"], later["result"]) == (LATER, None, "helped")
    assert (earlier["incident"], earlier["result"]) == (ID, "unknown")
    assert earlier["job"] == "build-42"
    assert [one["incident"] for one in newest(tmp_path, 1)] == [LATER]


def test_nothing_is_known_where_nothing_is(tmp_path: Path) -> None:
    assert newest(tmp_path) == []
    catalog = Catalog(tmp_path / "audit.jsonl", lambda: [tmp_path])
    assert at_once(catalog.one(ID)) is None


def test_the_evidence_is_where_the_log_says(tmp_path: Path) -> None:
    place = save(tmp_path / "elsewhere")
    write_log(tmp_path / "audit.jsonl", *lines(place))
    found = at_once(Catalog(tmp_path / "audit.jsonl", tuple).one(ID))
    assert found is not None
    assert found.evidence is not None
    with found.evidence:
        details = details_of(*found)
    assert details["evidence"]["folder"] == str(place)
    assert [part["name"] for part in details["evidence"]["parts"]] == [
        "finding.txt",
        "process-smaps",
    ]
    assert details["steps"][0]["action"] == "signal"


def test_evidence_that_another_user_could_change_hides_no_other(tmp_path: Path) -> None:
    write_log(tmp_path / "audit.jsonl", *lines(incident=LATER))
    save(tmp_path / "saved")
    save(tmp_path / "saved", LATER).chmod(0o777)
    later, earlier = newest(tmp_path)
    assert (later["incident"], later["evidence"]) == (LATER, None)
    assert earlier["evidence"] is not None
    catalog = Catalog(tmp_path / "audit.jsonl", lambda: [tmp_path / "saved"])
    with pytest.raises(UntrustedError):
        at_once(catalog.one(LATER))


def test_a_log_that_another_user_could_change_is_not_read(tmp_path: Path) -> None:
    write_log(tmp_path / "audit.jsonl", *lines()).chmod(0o666)
    with pytest.raises(UntrustedError):
        newest(tmp_path)


def test_a_log_that_is_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").mkdir()
    with pytest.raises(EbpftraceError, match="cannot read the audit log"):
        newest(tmp_path)


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        ([], "unfinished"),
        ([line("outcome", helped=False)], "not_helped"),
        ([line("outcome", helped=False, canceled=True)], "canceled"),
        ([line("abandoned", restored=True)], "abandoned"),
    ],
)
def test_how_it_ended(ended: list[dict[str, Any]], expected: str) -> None:
    assert result_of([line("incident"), *ended]) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FIELDS = st.sampled_from(["type", "facts", "evidence", "status", "took_ns", "time", "unix_ns"])
TYPES = st.sampled_from(["incident", "step", "outcome", "abandoned", "x"])


@given(st.lists(st.dictionaries(FIELDS, JSON | TYPES, max_size=7), max_size=4))
def test_no_line_breaks_what_is_shown(records: list[dict[str, Any]]) -> None:
    json.dumps(details_of(ID, records, None), allow_nan=False)
