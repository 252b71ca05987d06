"""How an incident ends before its ladder does: by hand, with its targets, with the watch."""

import json

from ebpftrace.act.actions.support.running import Ended
from ebpftrace.act.incident.outcome import Outcome, StepOutcome, StepStatus
from ebpftrace.judge.finding import Finding
from tests.support.breaker_rig import BreakerRig, S, kinds
from tests.support.scripted_action import ScriptedAction


def test_closing_ends_incidents_and_stops_their_actions(rig: BreakerRig) -> None:
    rig.action = ScriptedAction()
    rig.see(0, rig.process(400))
    events = rig.breaker.close("interrupted")
    assert kinds(events) == ["StepOutcome", "Outcome", "Finding"]
    assert rig.action.stopped == 1
    assert rig.breaker.close() == ()
    last = json.loads(rig.audit.read_text().splitlines()[-1])
    assert last["type"] == "outcome"
    assert "interrupted" in last["sentence"]


def test_a_cancelled_incident_ends_at_once_and_starts_the_cool_down(
    rig: BreakerRig, job: str
) -> None:
    assert rig.breaker.cancel(job, "thawed by hand") == ()
    rig.action = ScriptedAction()
    rig.see(0, rig.process(400))
    step, outcome, _ = rig.breaker.cancel(job, "thawed by hand")
    assert isinstance(step, StepOutcome)
    assert step.status is StepStatus.SKIPPED
    assert isinstance(outcome, Outcome)
    assert outcome.canceled
    assert outcome.sentence.endswith(": thawed by hand")
    assert rig.breaker.targets_of(job) is None
    rig.see(1, rig.process(400))
    assert rig.suppressed() == ["the job is in its cool-down"]


def test_an_incident_is_concluded_only_once_its_targets_are_gone(
    rig: BreakerRig, job: str
) -> None:
    rig.see(0, rig.process(400))
    rig.see(1, rig.process(400))
    assert rig.breaker.conclude(job, "another process is next") == ()
    rig.see(2)  # the process is gone; a successor is awaited
    outcome, finding = rig.breaker.conclude(job, "another process is next")
    assert isinstance(outcome, Outcome)
    assert outcome.helped
    assert isinstance(finding, Finding)


def test_a_kill_by_hand_skips_the_running_step(rig: BreakerRig, job: str) -> None:
    assert rig.breaker.kill_now(job, "killed by hand") == ()
    hanging = rig.action = ScriptedAction()
    rig.see(0, rig.process(400))
    rig.action = ScriptedAction(Ended(StepStatus.DONE, "killed"))
    skipped, killed = rig.breaker.kill_now(job, "killed by hand")
    assert isinstance(skipped, StepOutcome)
    assert (skipped.status, skipped.detail) == (StepStatus.SKIPPED, "killed by hand")
    assert isinstance(killed, StepOutcome)
    assert killed.status is StepStatus.DONE
    assert hanging.stopped == 1
    assert rig.options[-1].send == ("KILL",)


def test_a_step_is_due_at_its_timeout(rig: BreakerRig) -> None:
    before = rig.breaker.deadline_ns
    assert before is None
    rig.action = ScriptedAction()
    rig.see(0, rig.process(400))
    assert rig.breaker.deadline_ns == S
    rig.now_ns = S
    (step, *_) = rig.breaker.poll()
    assert isinstance(step, StepOutcome)
    assert step.status is StepStatus.TIMED_OUT
