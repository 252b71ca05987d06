"""Which firings become incidents. (How they end: test_breaker_ends.py.)"""

from dataclasses import replace
from typing import Any

import pytest

from ebpftrace.act.actions.support.running import Ended
from ebpftrace.act.audit.log import AuditLog
from ebpftrace.act.incident.outcome import (
    BreakerEvent,
    Outcome,
    StepOutcome,
    StepStatus,
    SuppressedTrigger,
)
from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.act.policy.policy import Match
from ebpftrace.act.process.identity import Target, identify
from ebpftrace.act.trigger.trigger import Firing
from ebpftrace.counters import CgroupContents
from ebpftrace.events import Breached, GroupReading, ProcessKey
from ebpftrace.judge.finding import Finding, FindingState, Severity
from ebpftrace.ledger import ProcessSnapshot, ProcessState
from ebpftrace.units import MIB
from tests.support import watches
from tests.support.breaker_rig import ONCE, BreakerRig, S, kinds, policy
from tests.support.conditions import condition
from tests.support.incidents import key_of
from tests.support.scripted_action import ScriptedAction


def test_a_met_bound_starts_an_incident_that_ends_with_an_outcome(rig: BreakerRig) -> None:
    assert rig.see(0, rig.process(200)) == []
    assert kinds(rig.see(1, rig.process(400))) == ["Finding", "StepOutcome"]
    (incident,) = rig.started
    assert incident.target.key.pid == rig.pid
    assert incident.job_held_bytes == 400 * MIB
    assert rig.see(2, rig.process(400)) == []  # a job has one incident at a time
    outcome, finding = rig.see(8, rig.process(100))
    assert isinstance(outcome, Outcome)
    assert outcome.helped
    assert outcome.freed_bytes == 300 * MIB
    assert isinstance(finding, Finding)
    assert finding.state is FindingState.END
    assert [line["type"] for line in rig.logged()] == [
        "incident", "step_started", "step", "outcome",
    ]  # fmt: skip


def test_no_incident_starts_during_the_cool_down(rig: BreakerRig) -> None:
    rig.see(0, rig.process(400))
    rig.see(6, rig.process(100))
    assert kinds(rig.see(30, rig.process(400))) == ["SuppressedTrigger"]
    assert rig.see(31, rig.process(400)) == []  # it is said once
    assert rig.suppressed() == ["the job is in its cool-down"]
    assert kinds(rig.see(70, rig.process(400)))[:2] == ["Finding", "StepOutcome"]


def test_the_budget_is_per_job(rig: BreakerRig) -> None:
    rig.breaker.reload([policy(budget=ONCE, cooldown_ns=0)])
    rig.see(0, rig.process(400))
    rig.see(6, rig.process(100))
    step = next(it for it in rig.see(20, rig.process(400)) if isinstance(it, StepOutcome))
    assert step.status is StepStatus.SKIPPED
    assert "budget spent" in step.detail
    assert len(rig.started) == 1
    rig.see(30, rig.process(400), name="another")
    assert len(rig.started) == 2


def test_a_reload_keeps_the_cool_down(rig: BreakerRig) -> None:
    rig.see(0, rig.process(400))
    rig.see(6, rig.process(100))
    rig.breaker.reload([policy(name="renamed")])
    assert kinds(rig.see(30, rig.process(400))) == ["SuppressedTrigger"]


def test_a_running_incident_keeps_its_policy_over_a_reload(rig: BreakerRig) -> None:
    rig.action = ScriptedAction()
    rig.see(0, rig.process(400))
    rig.breaker.reload([policy(name="renamed", dry_run=True)])
    rig.action.ended = Ended(StepStatus.DONE, "")
    (step,) = rig.breaker.poll()
    assert isinstance(step, StepOutcome)
    assert (step.policy, step.status) == ("p", StepStatus.DONE)


def test_a_young_process_is_left_alone_and_log_and_views_say_why(rig: BreakerRig) -> None:
    (suppressed,) = rig.see(0, replace(rig.process(400), age_ns=5 * S))
    (reason,) = rig.suppressed()
    assert "younger than the grace period" in reason
    assert isinstance(suppressed, SuppressedTrigger)
    assert suppressed.reason == reason


def test_only_the_first_matching_policy_applies_to_a_process(rig: BreakerRig) -> None:
    first = policy(name="first", match=Match(comms=("gopls",)), when=(condition("oom"),))
    rig.breaker.reload([first, policy(name="all")])
    assert rig.see(0, rig.process(400)) == []  # the second was not meant for it
    assert rig.suppressed() == ["the policy matches none of its processes"]


def test_a_finding_of_the_built_in_judgement_is_not_announced_again(rig: BreakerRig) -> None:
    rig.breaker.reload([policy(when=(condition("builtin"),))])
    found = watches.finding(detector="leak", severity=Severity.CRITICAL, monotonic_ns=S)
    snapshot = rig.snapshot(1, rig.job(rig.process(400)))
    events = rig.breaker.handle_snapshot((found,), snapshot)
    assert not any(isinstance(event, Finding) for event in events)
    assert len(rig.started) == 1


def test_a_breach_between_two_snapshots_starts_an_incident(rig: BreakerRig) -> None:
    process = rig.process(200)
    rig.see(0, process)
    (mark,) = rig.breaker.marks()
    assert mark.held_bytes == 250 * MIB  # half way
    rig.now_ns = S
    breach, reading = breach_at(rig, process, 300)
    assert kinds(rig.breaker.handle_breach(breach, reading)) == ["Finding", "StepOutcome"]
    assert rig.started[0].job_held_bytes == 300 * MIB
    assert rig.breaker.marks_after(breach) == ()


def breach_at(
    rig: BreakerRig, process: ProcessSnapshot, mib: int
) -> tuple[Breached, GroupReading]:
    """A breach by a process, and what is read of its cgroup after it."""
    job, held = rig.job(process), mib * MIB
    cgroup_id = job.identity.cgroup_id
    counters = job.cgroup._replace(contents=CgroupContents(held, 0, 0))
    processes = {process.key: rig.process(mib).counters}
    reading = GroupReading(S, cgroup_id, counters, held, processes)
    return Breached(S, process.key, cgroup_id, held, group=True), reading


def test_process_is_identified_half_way_and_not_again_at_its_breach(
    rig: BreakerRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = rig.process(200)
    rig.see(0, process)
    rig.breaker.marks()
    rig.now_ns = S
    half_way, reading = breach_at(rig, process, 250)
    assert rig.breaker.handle_breach(half_way, reading) == ()
    (mark,) = rig.breaker.marks_after(half_way)
    assert mark.held_bytes == 300 * MIB
    monkeypatch.setattr("ebpftrace.act.process.ready.identify", None)  # called, it would fail
    breach, reading = breach_at(rig, process, 300)
    assert kinds(rig.breaker.handle_breach(breach, reading)) == ["Finding", "StepOutcome"]
    assert rig.started[0].target.key == process.key


def test_what_a_step_needs_is_made_half_way_and_not_at_the_breach(rig: BreakerRig) -> None:
    process = rig.process(200)
    rig.see(0, process)
    rig.breaker.marks()
    rig.now_ns = S
    rig.breaker.handle_breach(*breach_at(rig, process, 250))
    assert (rig.prepared, rig.started) == (1, [])
    rig.breaker.handle_breach(*breach_at(rig, process, 300))
    assert rig.prepared == len(rig.started) == 1


def test_process_that_is_identified_is_forgotten_at_the_next_snapshot(
    rig: BreakerRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[ProcessKey] = []

    def identified(key: ProcessKey, given_path: str) -> Target:
        asked.append(key)
        return identify(key, given_path)

    monkeypatch.setattr("ebpftrace.act.process.ready.identify", identified)
    process = rig.process(200)
    rig.see(0, process)
    rig.breaker.marks()
    rig.breaker.handle_breach(*breach_at(rig, process, 250))
    rig.see(0.5, process)
    rig.breaker.marks()
    rig.now_ns = S
    rig.breaker.handle_breach(*breach_at(rig, process, 300))
    assert asked == [process.key]
    assert rig.started


def test_without_a_snapshot_nothing_is_marked_or_judged(rig: BreakerRig) -> None:
    process = rig.process(400)
    job = rig.job(process)
    cgroup_id = job.identity.cgroup_id
    breach = Breached(S, process.key, cgroup_id, 400 * MIB, group=True)
    reading = GroupReading(S, cgroup_id, job.cgroup, 400 * MIB, {})
    assert rig.breaker.marks() == ()
    assert rig.breaker.handle_breach(breach, reading) == ()


def fuse_incident(rig: BreakerRig, seconds: float, **changes: Any) -> tuple[BreakerEvent, ...]:
    """A fuse stops the process, whose policy has no ladder."""
    fused = policy(ladder=(), when=(), fuse=Fuse(0.9, True), **changes)
    rig.breaker.reload([fused])
    job = rig.job(rig.process(400, state=ProcessState.FORKED))
    found = watches.finding()._replace(detector="fuse")
    firing = Firing(fused, (found,), by_fuse=True)
    return rig.breaker.start_fuse_incident(firing, rig.snapshot(seconds, job))


def test_a_fuse_incident_ends_with_a_kill_and_needs_no_cool_down(
    rig: BreakerRig, job: str
) -> None:
    rig.see(0, rig.process(400))
    rig.see(6, rig.process(100))
    events = fuse_incident(rig, 7)
    assert kinds(events) == ["Finding", "StepOutcome"]
    assert rig.options[-1].send == ("KILL",)
    assert rig.breaker.targets_of(job) == frozenset({key_of(rig.pid)})
    assert fuse_incident(rig, 8) == ()  # it has one already


def test_the_trouble_of_the_audit_log_is_the_breaker_s(rig: BreakerRig) -> None:
    before = rig.breaker.trouble
    assert before == ""
    rig.audit.unlink()
    other = AuditLog(rig.audit)  # another ebpftrace takes its place
    rig.see(0, rig.process(400))
    assert "another ebpftrace" in rig.breaker.trouble
    assert len(rig.started) == 1  # the breaker acts all the same
    other.close()
