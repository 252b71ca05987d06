from types import MappingProxyType

from ebpftrace.counters import CallCount
from ebpftrace.views.fields import counter_fields, process_fields
from tests.support import watches


def test_the_kinds_of_call_may_come_in_any_mapping() -> None:
    book = watches.counters(0, calls=MappingProxyType({"brk": CallCount(2, 4096, 0)}))
    assert counter_fields(book)["calls"] == {
        "brk": {"calls": 2, "gained_bytes": 4096, "released_bytes": 0}
    }


def test_process_fields_include_the_role() -> None:
    assert process_fields(watches.process())["role"] == ""
    assert process_fields(watches.process(role="telemetry"))["role"] == "telemetry"
