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
    ) -> SuppressedTrigger | None:
        self.now_ns = seconds * NS_PER_SECOND
        finding = watches.finding(subject=Subject(watches.identity(job)))
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
