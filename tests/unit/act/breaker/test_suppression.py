"""Logging a condition that holds at every snapshot while no incident starts."""

from dataclasses import dataclass, field

import pytest

from ebpftrace.act.breaker.suppression import SuppressionLog
from ebpftrace.act.incident.outcome import SuppressedTrigger
from ebpftrace.act.incident.records import Record
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.act.trigger.trigger import Firing
from ebpftrace.judge.finding import Subject
from ebpftrace.units import NS_PER_SECOND
from tests.support import watches

SHARE = 24
"""Lines of one job in a minute, and reports: three quarters of all."""


@dataclass
class Log:
    """A suppression log and its clock."""

    records: list[Record] = field(default_factory=list)
    now_ns: int = 0

    def __post_init__(self) -> None:
        self.suppressions = SuppressionLog(self.records.append, lambda: self.now_ns)

    def add(
        self,
        seconds: int,
        policy: str = "p",
        *,
        reason: str = "the job is in its cool-down",
        job: str = "build-42",
        cgroup_id: int = 7,
        cgroup: str = "/ci",
    ) -> SuppressedTrigger | None:
        self.now_ns = seconds * NS_PER_SECOND
        identity = watches.identity(job)._replace(cgroup_id=cgroup_id, cgroup=cgroup)
        finding = watches.finding(subject=Subject(identity))
        firing = Firing(Policy(policy, Match(), (), Mode.ANY, ()), (finding,))
        return self.suppressions.add(firing, reason=reason)


@pytest.fixture
def log() -> Log:
    return Log()


def test_a_suppression_has_its_finding_and_its_reason(log: Log) -> None:
    log.add(0)
    (record,) = log.records
    assert (record["policy"], record["job"]["name"]) == ("p", watches.identity().name)
    assert record["sentence"] == watches.finding().sentence
    assert record["reason"] == "the job is in its cool-down"


def test_it_is_logged_once_a_minute(log: Log) -> None:
    for seconds, logged in ((0, 1), (1, 1), (59, 1), (60, 2), (61, 2)):
        log.add(seconds)
        assert len(log.records) == logged


def test_each_policy_is_logged(log: Log) -> None:
    log.add(0)
    log.add(1, policy="another")
    log.add(2)
    assert [record["policy"] for record in log.records] == ["p", "another"]


def test_each_reason_is_reported_once(log: Log) -> None:
    first = log.add(0)
    assert first is not None
    assert first.sentence == "policy p does nothing in build-42: the job is in its cool-down"
    assert log.add(1) is None
    assert log.add(600) is None
    assert log.add(601, reason="gopls 1 is younger") is not None
    assert log.add(602, reason="gopls 2 is younger") is None
    assert log.add(603, policy="another") is not None
    assert log.add(604, job="build-43") is not None


def test_a_job_cannot_cause_reports_without_end(log: Log) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    reports = [log.add(0, reason=f"{letter} holds less") for letter in letters]
    assert 1 < sum(report is not None for report in reports) < 10


def test_jobs_of_one_cgroup_share_a_line_that_counts_them(log: Log) -> None:
    """A process can take the names of 400 CI runs a second."""
    for second in range(60):
        for number in range(400):
            log.add(second, job=f"run-{400 * second + number}")
    assert len(log.records) == 1
    assert log.records[0]["unlogged"] == 0
    log.add(60)
    assert log.records[1]["unlogged"] == 60 * 400 - 1
    assert log.records[1]["unlogged_elsewhere"] == 0


def test_many_cgroups_have_a_bounded_number_of_lines(log: Log) -> None:
    """Where cgroups are delegated, a job can make hundreds of them a second."""
    for second in range(600):
        for number in range(40):
            log.add(second, cgroup_id=40 * second + number)
    assert len(log.records) == SHARE * 10
    counted = sum(record["unlogged_elsewhere"] for record in log.records)
    assert counted >= 600 * 40 - SHARE * 10 - 40 * 60, "but for those of the last minute"


def test_job_beside_another_with_many_cgroups_has_its_line_and_report(log: Log) -> None:
    for number in range(100):
        log.add(0, cgroup_id=number + 100)
    assert len(log.records) == SHARE
    assert log.add(1, cgroup="/victim", cgroup_id=1) is not None
    assert len(log.records) == SHARE + 1
    assert log.records[-1]["unlogged_elsewhere"] == 100 - SHARE


def test_jobs_of_one_cgroup_cannot_cause_reports_without_end(log: Log) -> None:
    reports = [log.add(0, job=f"run-{number}") for number in range(400)]
    assert 1 < sum(report is not None for report in reports) < 10


def test_many_cgroups_cannot_cause_reports_without_end(log: Log) -> None:
    reports = [log.add(0, cgroup_id=number) for number in range(400)]
    assert sum(report is not None for report in reports) == SHARE
