"""What issue 3 and docs/jsonl.md promise of every stream of JSON Lines, field by field."""

from datetime import datetime
from itertools import pairwise
from typing import Any

from tests.support.records import Ended, Record

USAGE = ("anon_bytes", "file_bytes", "shmem_bytes", "swap_bytes")
EVERY = {"schema": int, "type": str, "time": str, "monotonic_ns": int}
SNAPSHOT = {**EVERY, "jobs": list, "losses": dict, "self": dict}
JOB = {
    "name": str,
    "kind": str,
    "identified_by": str,
    "cgroup": str,
    "limit_bytes": (int, type(None)),
    "charge_bytes": int,
    "usage": dict,
    "growth": dict,
    "peak_growth_bytes": int,
    "seconds_to_limit": (int, float, type(None)),
    "oom_kills": int,
    "stalled_ns": int,
    "processes": list,
}
GROWTH = ("bytes_10s", "bytes_60s", "bytes_total", "bytes_per_second")
PROCESS = {
    "pid": int,
    "start_time": str,
    "comm": str,
    "cmdline": str,
    "usage": dict,
    "peak_bytes": int,
    "virtual_bytes": int,
    "mapped_bytes": int,
    "unmapped_bytes": int,
    "brk_bytes": int,
}
FUSE = {
    "event": str,
    "policy": str,
    "job": dict,
    "pid": int,
    "start_boottime_ns": int,
    "comm": str,
    "scope": str,
    "held_bytes": int,
    "measured_bytes": int,
    "bound_bytes": int,
    "limit_bytes": (int, type(None)),
    "next_bound_bytes": (int, type(None)),
    "stopped_ns": int,
    "next_steps": str,
    "sentence": str,
}
FUSE_EVENTS = {"stopped", "killed", "thawed", "ended"}


def assert_contract(ended: Ended) -> None:
    """The types of objects, their fields, and their order."""
    assert ended.records[0]["type"] == "start"
    assert ended.records[-1]["type"] == "end"
    assert not [r for r in ended.records[1:-1] if r["type"] in ("start", "end")]
    for record in ended.records:
        _assert_fields(record, EVERY)
        assert record["schema"] == 1
        assert datetime.fromisoformat(record["time"]).utcoffset() is not None
    for fuse in ended.of_type("fuse"):
        _assert_fields(fuse, FUSE)
        assert fuse["event"] in FUSE_EVENTS
        assert fuse["scope"] in {"process", "job", "charge"}
        assert fuse["measured_bytes"] >= fuse["bound_bytes"]
    snapshots = ended.of_type("snapshot")
    for earlier, later in pairwise(snapshots):
        assert later["monotonic_ns"] > earlier["monotonic_ns"]
        assert later["sequence"] == earlier["sequence"] + 1
    for snapshot in [*snapshots, ended.records[-1]]:
        _assert_fields(snapshot, SNAPSHOT)
        for job in snapshot["jobs"]:
            _assert_fields(job, JOB)
            _assert_fields(job["usage"], dict.fromkeys(USAGE, int))
            _assert_fields(job["growth"], dict.fromkeys(GROWTH, int))
            for process in job["processes"]:
                _assert_fields(process, PROCESS)
                _assert_fields(process["usage"], dict.fromkeys(USAGE, int))


def _assert_fields(record: Record, fields: dict[str, Any]) -> None:
    for name, kind in fields.items():
        assert isinstance(record[name], kind), (name, record)
