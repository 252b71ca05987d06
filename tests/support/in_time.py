"""Whether a watch was in time for a job, by the order of its records: no clock decides it."""

from collections.abc import Sequence

from tests.support.acting import is_step
from tests.support.records import Record, held_bytes, holds

MOST_ABOVE = 1
"""Snapshots that show a process above its bound before its hook: one that was being taken."""

MOST_LATER = 2
"""Snapshots that come between a stop and its record: the one that was being taken as it
happened, and the one that the incident begins with."""


def assert_hook_in_time(records: Sequence[Record], pid: int, bound_bytes: int) -> None:
    """The process crossed its bound; that led to its hook, and no reading did."""
    at, step = next(
        (at, record)
        for at, record in enumerate(records)
        if is_step("exec")(record) and record["pid"] == pid
    )
    finding = next(
        record for record in reversed(records[:at])
        if record["type"] == "finding" and record["state"] == "begin"
        and record["job"]["key"] == step["job"]["key"] and record["bound"] == bound_bytes
    )  # fmt: skip
    snapshots = _snapshots(records)
    assert finding["monotonic_ns"] not in [one["monotonic_ns"] for one in snapshots], (
        "a reading found what the kernel should have reported"
    )
    began_ns = step["monotonic_ns"] - step["took_ns"]
    before = [one for one in snapshots if one["monotonic_ns"] < began_ns]
    above = [one for one in before if holds(pid)(one) and held_bytes(one, pid) >= bound_bytes]
    assert len(above) <= MOST_ABOVE, f"{len(above)} snapshots had it above its bound"


def assert_stop_in_time(records: Sequence[Record], stop: Record) -> None:
    """The record of a stop came as soon as it could."""
    before = _snapshots(records[: records.index(stop)])
    later = [one for one in before if one["monotonic_ns"] > stop["monotonic_ns"]]
    assert len(later) <= MOST_LATER, f"{len(later)} snapshots came before it"


def assert_no_snapshot_left_out(records: Sequence[Record], pid: int) -> None:
    """Each snapshot came, and from the first one on that has the process each has it."""
    snapshots = _snapshots(records)
    numbers = [one["sequence"] for one in snapshots]
    # A reader that is late, as this test may be, does not get each: that is counted.
    unread = sum(one["count"] for one in records if one.get("cause") == "unread_output")
    assert numbers == sorted(set(numbers))
    assert numbers[-1] - len(numbers) <= unread, (numbers, unread)
    has = [holds(pid)(one) for one in snapshots]
    first = has.index(True)
    without = [number for number, there in zip(numbers, has, strict=True) if not there]
    assert without == numbers[:first], f"without {pid}, after {first}: {without}"
    assert "undecodable" not in {record.get("cause") for record in records}


def _snapshots(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if record["type"] == "snapshot"]
