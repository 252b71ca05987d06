"""What policies ask of the judge, and which findings answer."""

import pytest

from ebpftrace.act.conditions import answers, detector_name, detectors_for, judges_processes
from ebpftrace.act.policy import Condition, Match, Mode, Policy
from ebpftrace.events import JobIdentity, ProcessKey
from ebpftrace.judge.builtin import builtin_detectors
from ebpftrace.judge.climb import Climb
from ebpftrace.judge.finding import Finding, Severity, Subject
from ebpftrace.judge.growth import Growth
from ebpftrace.judge.level import Level
from ebpftrace.judge.time_to_limit import TimeToLimit
from ebpftrace.units import MIB, NS_PER_SECOND

MINUTE = 60 * NS_PER_SECOND
JOB = JobIdentity("k", "n", "cgroup", "path", "/ci", 7)

ASKED = [
    (Condition("level", 0.85, share=True), "level:85%"),
    (Condition("level", 1.5 * MIB), "level:1536KiB"),
    (Condition("level", 100_000_001), "level:100000001B"),
    (Condition("growth", 256 * MIB, window_ns=MINUTE), "growth:256MiB/60s"),
    (Condition("growth", 0.57, share=True, window_ns=MINUTE // 4), "growth:57%/15s"),
    (Condition("climb", MIB, window_ns=MINUTE // 2), "climb:1MiB/s/30s"),
    (Condition("time_to_limit", 90.0), "time_to_limit:90s"),
]


def policy(*when: Condition) -> Policy:
    return Policy("p", Match(), when, Mode.ANY, ())


def finding(
    detector: str, severity: Severity = Severity.WARNING, process: ProcessKey | None = None
) -> Finding:
    return Finding(
        detector=detector, subject=Subject(JOB, process), severity=severity, measured=1,
        bound=1, unit="bytes", since_ns=0, time_ns=0, monotonic_ns=0, seconds_to_limit=None,
        sentence="",
    )  # fmt: skip


@pytest.mark.parametrize(("condition", "name"), ASKED)
def test_a_condition_is_answered_by_its_own_detector(condition: Condition, name: str) -> None:
    assert detector_name(condition) == name
    assert [one.name for one in detectors_for((policy(condition),))].count(name) == 1
    assert answers(condition, finding(name))
    assert not answers(condition, finding(condition.detector))
    assert not any(answers(other, finding(name)) for other, its in ASKED if its != name)


def test_detectors_have_the_bounds_of_their_conditions() -> None:
    made = detectors_for((policy(*(condition for condition, _ in ASKED)),))
    assert made[len(builtin_detectors()) :] == (
        Level(bound_share=0.85, name="level:85%"),
        Level(bound_bytes=1536 * 1024, name="level:1536KiB"),
        Level(bound_bytes=100_000_001, name="level:100000001B"),
        Growth(MINUTE, bound_bytes=256 * MIB, name="growth:256MiB/60s"),
        Growth(MINUTE // 4, bound_share=0.57, name="growth:57%/15s"),
        Climb(MIB, MINUTE // 2, name="climb:1MiB/s/30s"),
        TimeToLimit(90.0, name="time_to_limit:90s"),
    )


def test_what_two_policies_ask_alike_is_judged_once() -> None:
    condition = Condition("level", 0.85, share=True)
    both = (policy(condition), policy(condition, Condition("oom")))
    names = [one.name for one in detectors_for(both)]
    assert len(names) == len(set(names)) == len(builtin_detectors()) + 1


def test_the_built_in_judgement_answers_from_a_severity_on() -> None:
    condition = Condition("builtin", least=Severity.WARNING)
    assert answers(condition, finding("leak", Severity.CRITICAL))
    assert answers(condition, finding("thrash", Severity.WARNING))
    assert not answers(condition, finding("burst", Severity.NOTICE))
    assert not answers(condition, finding("level:85%", Severity.CRITICAL))


@pytest.mark.parametrize("detector", ["oom", "thrash"])
def test_what_the_built_in_judgement_hears_of_can_be_asked_alone(detector: str) -> None:
    assert detector in {one.name for one in detectors_for(())}
    assert answers(Condition(detector), finding(detector))


def test_a_job_and_a_process_are_told_apart() -> None:
    key = ProcessKey(7, 8)
    of_job = Condition("level", 0.85, share=True)
    of_process = Condition("level", 0.85, share=True, per_process=True)
    assert answers(of_process, finding("level:85%", process=key))
    assert not answers(of_process, finding("level:85%"))
    assert not answers(of_job, finding("level:85%", process=key))
    assert judges_processes((policy(of_job), policy(of_process)))
    assert not judges_processes((policy(of_job),))
