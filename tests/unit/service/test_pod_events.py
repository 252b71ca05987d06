"""What becomes an event of a pod, and what does not."""

from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge.finding import FindingState, Severity
from ebpftrace.kubernetes.event import PodEvent
from ebpftrace.service.pod_events import PodEventView
from tests.support import watches

UID = "0e0b6a9c-1b2c-4d3e-8f90-1234567890ab"


def job() -> JobIdentity:
    path = f"/kubepods/burstable/pod{UID}/{'ab' * 32}"
    return watches.identity()._replace(given_path=path)


def viewed() -> tuple[PodEventView, list[PodEvent]]:
    events: list[PodEvent] = []
    return PodEventView(events.append, "n1"), events


def test_warnings_are_said_once_and_notices_are_not() -> None:
    view, events = viewed()
    finding = watches.finding()
    finding = finding._replace(subject=finding.subject._replace(job=job()))
    for state in FindingState:
        view.finding(finding._replace(state=state))
    view.finding(finding._replace(severity=Severity.NOTICE))
    view.finding(finding._replace(severity=Severity.CRITICAL, detector="leak"))
    assert [(one.reason, one.action) for one in events] == [
        ("MemoryGrowth", "FindWarning"), ("MemoryGrowth", "FindWarning"),
        ("MemoryLeak", "FindCritical"),
    ]  # fmt: skip
    assert events[0].note == finding.sentence
    assert events[0].place.uid == UID
    assert events[0].place.ids == ("ab" * 32,)
    assert events[0].is_warning


def test_steps_that_were_carried_out_and_outcomes_are_said() -> None:
    view, events = viewed()
    step = watches.step()._replace(job=job())
    for status in StepStatus:
        view.step(step._replace(status=status))
    outcome = watches.outcome()._replace(job=job(), evidence="/evidence/1", helped=True)
    view.outcome(outcome._replace(canceled=False))
    view.outcome(outcome._replace(canceled=False, helped=False))
    view.outcome(outcome._replace(canceled=True))
    assert [(one.reason, one.is_warning) for one in events] == [
        ("MemoryActionDone", False), ("MemoryActionFailed", True),
        ("MemoryActionTimedOut", True), ("MemoryIncidentHelped", False),
        ("MemoryIncidentNotHelped", True), ("MemoryIncidentCanceled", False),
    ]  # fmt: skip
    assert events[3].note.endswith("; evidence at n1:/evidence/1")


def test_a_job_outside_pods_has_no_events() -> None:
    view, events = viewed()
    view.finding(watches.finding())
    view.step(watches.step())
    assert events == []
