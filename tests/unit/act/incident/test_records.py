"""Steps and outcomes as JSON objects; docs/jsonl.md shows the whole ones."""

from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.incident.records import outcome_record, rfc3339, step_record
from tests.support import watches


def test_times_are_rfc_3339_in_utc_to_the_microsecond() -> None:
    assert rfc3339(watches.TIME_NS) == "2026-11-23T12:00:07.250000Z"
    assert rfc3339(1_999_999_999) == "1970-01-01T00:00:01.999999Z"


def test_a_step_names_its_job_as_an_object_and_its_status_as_a_string() -> None:
    record = step_record(watches.step(status=StepStatus.TIMED_OUT))
    assert record["job"]["cgroup"] == "/ci/build-42"
    assert record["status"] == "timed_out"


def test_an_outcome_without_evidence_has_null() -> None:
    assert outcome_record(watches.outcome(evidence=""))["evidence"] is None
