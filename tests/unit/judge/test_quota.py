"""A job that fills a table of the kernel side is named, once, and until nothing is missed."""

import pytest

from ebpftrace.events import QuotaReached, SharedTable
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge.finding import Finding, FindingState, FindingUnit, Severity
from ebpftrace.judge.quota import HOLD_NS, QuotaFindings
from ebpftrace.units import NS_PER_SECOND


def job(number: int = 7) -> JobIdentity:
    return JobIdentity(str(number), f"ci-{number}", "cgroup", "path", f"/ci-{number}", number)


def reached(
    number: int = 7, table: SharedTable = SharedTable.PROCESSES, missed: int = 832
) -> tuple[QuotaReached, JobIdentity]:
    return QuotaReached(0, number, table, 7168, 8192, missed), job(number)


def at(
    found: QuotaFindings, second: float, *events: tuple[QuotaReached, JobIdentity]
) -> list[Finding]:
    ns = round(second * NS_PER_SECOND)
    return found.judge(events, ns, ns)


def test_job_that_fills_a_table_is_named() -> None:
    (finding,) = at(QuotaFindings(), 5, reached())
    assert (finding.detector, finding.state) == ("quota:processes", FindingState.BEGIN)
    assert (finding.subject.job, finding.severity) == (job(), Severity.WARNING)
    assert (finding.measured, finding.bound) == (7168, 8192)
    assert (finding.unit, finding.since_ns) == (FindingUnit.ENTRIES, 5 * NS_PER_SECOND)
    assert finding.sentence == (
        "job cgroup/ci-7 has 7,168 of the 8,192 processes that can be watched; "
        "832 more are not watched"
    )


@pytest.mark.parametrize("table", list(SharedTable))
def test_every_table_has_its_words(table: SharedTable) -> None:
    (finding,) = at(QuotaFindings(), 5, reached(table=table, missed=1))
    assert finding.detector == f"quota:{table}"
    assert "; 1 more is " in finding.sentence


def test_it_is_reported_once_and_ends_when_nothing_has_been_missed_for_a_while() -> None:
    found = QuotaFindings()
    assert len(at(found, 1, reached())) == 1
    assert at(found, 2, reached()) == []
    last = 2 + HOLD_NS / NS_PER_SECOND
    assert at(found, last) == []
    (finding,) = at(found, last + 1)
    assert (finding.state, finding.since_ns) == (FindingState.END, NS_PER_SECOND)
    assert finding.sentence == "job cgroup/ci-7: quota:processes is over, after 62 s"
    assert at(found, last + 2) == []
    (again,) = at(found, last + 3, reached(missed=5))
    assert "; 5 more are not watched" in again.sentence, "counted from its own begin"


def test_two_tables_of_one_job_are_two_findings() -> None:
    found = at(QuotaFindings(), 1, reached(), reached(table=SharedTable.CGROUPS))
    assert {finding.detector for finding in found} == {"quota:processes", "quota:cgroups"}
    assert len({finding.key for finding in found}) == 2


def test_only_so_many_are_kept() -> None:
    found = QuotaFindings()
    at(found, 1, *(reached(number) for number in range(64)))
    begun, ended = at(found, 2, reached(64))
    assert (begun.subject.job, begun.state) == (job(64), FindingState.BEGIN)
    assert (ended.subject.job, ended.state) == (job(0), FindingState.END)
