"""A fuse event as a JSON object; docs/jsonl.md shows the whole one."""

from ebpftrace.act.fuse.events import FuseEventKind
from ebpftrace.act.fuse.records import fuse_record
from tests.support.watches import fuse_event


def test_a_record_has_the_event_and_the_process() -> None:
    record = fuse_record(fuse_event(FuseEventKind.THAWED))
    assert (record["type"], record["event"], record["pid"]) == ("fuse", "thawed", 4711)
    assert record["stopped_ns"] == 12_000_000_000
