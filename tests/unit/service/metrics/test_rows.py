"""The lines of a job and of a process."""

import pytest

from ebpftrace.ledger import JobSnapshot, JobState
from ebpftrace.service.metrics.families import JOB_FAMILIES, PROCESS_FAMILIES
from ebpftrace.service.metrics.rows import escaped, job_rows, process_rows, series_of
from ebpftrace.units import MIB
from tests.support import watches


def values(job: JobSnapshot) -> dict[str, str]:
    """By the name of the sample and what follows the labels that each has."""
    text = "".join(job_rows(job, (watches.finding(), watches.finding())))
    found = {}
    for line in text.splitlines():
        head, _, value = line.rpartition(" ")
        name, _, labels = head.partition("{")
        rest = labels.removesuffix("}").partition('job_name="build-42"')[2]
        found[f"{name}{rest}"] = value
    return found


def test_a_running_job_has_what_it_uses() -> None:
    job = watches.job(
        processes=[watches.process(resident=512 * MIB)], seconds_to_limit=71.0,
        per_second=MIB, oom_kills=2, stalled_ns=1_500_000_000,
    )  # fmt: skip
    found = values(job)
    assert found["ebpftrace_job_running"] == "1"
    assert found["ebpftrace_job_processes"] == "1"
    assert found["ebpftrace_job_memory_usage_bytes"] == str(576 * MIB)
    assert found['ebpftrace_job_memory_bytes,type="anon"'] == str(480 * MIB)
    assert found["ebpftrace_job_spec_memory_limit_bytes"] == str(2048 * MIB)
    assert found["ebpftrace_job_memory_limit_eta_seconds"] == "71.0"
    assert found["ebpftrace_job_oom_events_total"] == "2"
    assert found["ebpftrace_job_memory_stall_seconds_total"] == "1.5"
    finding = ',detector="growth:256MiB/60s",severity="warning"'
    assert found[f"ebpftrace_job_findings{finding}"] == "2"


def test_a_job_that_ended_uses_nothing_and_keeps_its_peaks() -> None:
    found = values(watches.job(state=JobState.IDLE, peak=77 * MIB, seconds_to_limit=3.0))
    assert found["ebpftrace_job_running"] == "0"
    assert found["ebpftrace_job_memory_usage_bytes"] == "0"
    assert found["ebpftrace_job_memory_peak_bytes"] == str(77 * MIB)
    assert "ebpftrace_job_memory_limit_eta_seconds" not in found


def test_without_a_limit_there_is_no_such_series() -> None:
    found = values(watches.job(limit=None))
    assert "ebpftrace_job_spec_memory_limit_bytes" not in found
    assert "ebpftrace_job_pressure_memory_waiting_seconds_total" not in found


def test_rows_are_in_the_order_of_the_families() -> None:
    job = watches.job(processes=[watches.process()], seconds_to_limit=9.0)
    for families, rows in (
        (JOB_FAMILIES, job_rows(job)),
        (PROCESS_FAMILIES, process_rows(watches.process(), "x")),
    ):
        assert len(rows) == len(families)
        for family, row in zip(families, rows, strict=True):
            assert all(line.startswith(f"{family.sample}{{") for line in row.splitlines())
    assert series_of(process_rows(watches.process(), "x")) == 6


@pytest.mark.parametrize(
    ("value", "expected"),
    [("plain", "plain"), ('a"b\\c\nd', r"a\"b\\c\nd"), ("日本", "日本")],
)
def test_values_of_labels_are_escaped(value: str, expected: str) -> None:
    assert escaped(value) == expected
