"""The page of the rivals, made of records as the machine sends them."""

from typing import Any

from bench.rivals.cases import CASES, LIMIT
from bench.rivals.guards import GUARDS
from bench.rivals.page import page
from ebpftrace.units import MIB


def record(guard: str, **changes: Any) -> dict[str, Any]:
    return {
        "case": "leak",
        "guard": guard,
        "acted": guard,
        "limit_bytes": LIMIT,
        "evidence": "3 files, 12 KiB",
        "ended_seconds": 12.4,
        "held_bytes": 192 * MIB,
        "oom_kills": 0,
        "lost": ["culprit"],
    } | changes


def test_a_row_says_who_acted_when_on_whom_and_what_is_left() -> None:
    (row,) = [
        line
        for line in page([record("ebpftrace")], "6.12").splitlines()
        if line.startswith("| ebpftrace |")
    ]
    assert row == ("| ebpftrace | ebpftrace | 12 s | 192 MiB | culprit | 3 files, 12 KiB |")


def test_where_nobody_acted_nothing_was_lost() -> None:
    quiet = record(
        "earlyoom", acted="nobody", ended_seconds=None, lost=[], evidence="", limit_bytes=None
    )
    text = page([quiet], "6.12")
    assert "| earlyoom | nobody | – | 192 MiB | nothing | – |" in text


def test_every_case_and_every_guard_is_explained() -> None:
    text = page([record("earlyoom", case=case.name) for case in CASES], "6.12")
    assert all(f"### {case.name}: {case.told}" in text for case in CASES)
    assert all(f"- **{guard.name}**: {guard.told}" in text for guard in GUARDS)


def test_a_case_that_was_not_measured_is_left_out_and_said_so() -> None:
    text = page([record("ebpftrace")], "6.12")
    assert "### burst" not in text
    assert "Not measured in this run: *burst*" in text
