from types import MappingProxyType

from ebpftrace.counters import CallCount
from ebpftrace.views.fields import counter_fields, job_fields, process_fields
from tests.support import watches


def test_the_kinds_of_call_may_come_in_any_mapping() -> None:
    book = watches.counters(0, calls=MappingProxyType({"brk": CallCount(2, 4096, 0)}))
    assert counter_fields(book)["calls"] == {
        "brk": {"calls": 2, "gained_bytes": 4096, "released_bytes": 0}
    }


def test_process_fields_include_the_role() -> None:
    assert process_fields(watches.process(), 0)["role"] == ""
    assert process_fields(watches.process(role="telemetry"), 0)["role"] == "telemetry"


def test_the_largest_processes_of_a_job_are_listed_and_the_others_counted() -> None:
    job = watches.job("a", [watches.process(pid=pid) for pid in range(1030)])
    fields = job_fields(job, 0)
    assert fields["processes_left_out"] == 6
    listed = fields["processes"]
    assert isinstance(listed, list)
    assert len(listed) == 1024
    few = job_fields(watches.job("a", [watches.process()]), 0)
    assert few["processes_left_out"] == 0
