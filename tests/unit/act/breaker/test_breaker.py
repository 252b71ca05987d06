"""The breaker's whole life: which firings become incidents, and how incidents end.

The target is a real process; the snapshots are written here, and the only actions note
that they were started.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.actions.support.running import Ended, Running
from ebpftrace.act.audit.budget import Moment
from ebpftrace.act.audit.log import AuditLog
from ebpftrace.act.audit.reader import AuditReader
from ebpftrace.act.breaker.breaker import Breaker
from ebpftrace.act.breaker.running_incidents import MAX_INCIDENTS
from ebpftrace.act.fuse.events import FuseEventKind
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import BreakerEvent, Outcome, StepOutcome, StepStatus
from ebpftrace.act.incident.records import Record
from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.act.policy.policy import Budget, Match, Mode, Policy, Step
from ebpftrace.act.process.undo import Undo
from ebpftrace.act.trigger.trigger import Firing
from ebpftrace.counters import CgroupContents
from ebpftrace.events import Breached, GroupReading
from ebpftrace.judge.finding import Finding, FindingState
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, ProcessState, Snapshot
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support import watches
from tests.support.conditions import condition, level
from tests.support.incidents import key_of, sleeping

S = NS_PER_SECOND
ONCE = Budget(1, 1000 * S)


@dataclass
class FakeAction:
    """An action that ends as `ended` says, or not yet; it counts its stops."""

    ended: Ended | None = None
    undo: Undo | None = None
    fds: tuple[int, ...] = ()
    due_ns: int | None = None
    stopped: int = 0

    def poll(self, now_ns: int) -> Ended | None:
        return self.ended

    def cancel(self, now_ns: int) -> bool:
        return False

    def stop(self) -> str:
        self.stopped += 1
        return ""


@dataclass
class BreakerRig:
    """A breaker, the process it may act on, and the clock of both."""

    pid: int
    audit: Path
    policies: tuple[Policy, ...]
    past: tuple[Record, ...] = ()
    now_ns: int = 0
    action: FakeAction = field(default_factory=lambda: FakeAction(Ended(StepStatus.DONE, "")))
    started: list[Incident] = field(default_factory=list)
    options: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.breaker = Breaker(
            self.policies,
            AuditLog(self.audit),
            folder=lambda _path: None,
            past=self.past,
            actions={"signal": replace(ACTIONS["signal"], start=self.start)},
            moment=lambda: Moment(self.now_ns, self.now_ns, "boot"),
            clock=lambda: self.now_ns,
        )

    def start(self, incident: Incident, options: Any) -> Running:
        self.started.append(incident)
        self.options.append(options)
        return self.action

    def process(self, mib: int, **changes: Any) -> ProcessSnapshot:
        held = watches.counters(mib * MIB)
        usage = replace(held.usage, anon_bytes=mib * MIB, file_bytes=0)
        made = watches.process(self.pid, book=replace(held, usage=usage))
        return replace(made, key=key_of(self.pid), age_ns=100 * S, **changes)

    def job(
        self, *processes: ProcessSnapshot, name: str = "build-42", restart_key: str = ""
    ) -> JobSnapshot:
        made = watches.job(name, processes, limit=None)
        return replace(made, identity=replace(made.identity, restart_key=restart_key))

    def snapshot(self, seconds: float, *jobs: JobSnapshot) -> Snapshot:
        self.now_ns = round(seconds * S)
        return replace(watches.snapshot(*jobs), monotonic_ns=self.now_ns)

    def see(
        self,
        seconds: float,
        *processes: ProcessSnapshot,
        name: str = "build-42",
        restart_key: str = "",
    ) -> list[BreakerEvent]:
        """The breaker handles a snapshot of one job with these processes."""
        job = self.job(*processes, name=name, restart_key=restart_key)
        return list(self.breaker.handle_snapshot((), self.snapshot(seconds, job)))

    def suppressed(self) -> list[str]:
        return [line["reason"] for line in self.logged("suppressed")]

    def logged(self, kind: str | None = None) -> list[Record]:
        lines = AuditReader(self.audit).records()
        return [line for line in lines if kind in (None, line["type"])]

    def restarted(self, *policies: Policy) -> "BreakerRig":
        """Another breaker that reads this one's audit log, as after a restart."""
        audit = self.audit.with_name("restarted.jsonl")
        return BreakerRig(self.pid, audit, policies or self.policies, tuple(self.logged()))


def policy(**changes: Any) -> Policy:
    made = Policy(
        "p", Match(), (level(300 * MIB),), Mode.ANY,
        (Step("signal", S, None),), cooldown_ns=60 * S, grace_ns=10 * S,
    )  # fmt: skip
    return replace(made, **changes)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[BreakerRig]:
    with sleeping(tmp_path) as pid:
        made = BreakerRig(pid, tmp_path / "audit.jsonl", (policy(),))
        yield made
        made.breaker.close()


@pytest.fixture
def job(rig: BreakerRig) -> str:
    """The key of the job of every snapshot."""
    return rig.job().identity.key


def kinds(events: list[BreakerEvent] | tuple[BreakerEvent, ...]) -> list[str]:
    return [type(event).__name__ for event in events]


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
    assert rig.see(30, rig.process(400)) == []
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
    assert rig.see(30, rig.process(400)) == []


def test_a_running_incident_keeps_its_policy_over_a_reload(rig: BreakerRig) -> None:
    rig.action = FakeAction()
    rig.see(0, rig.process(400))
    rig.breaker.reload([policy(name="renamed", dry_run=True)])
    rig.action.ended = Ended(StepStatus.DONE, "")
    (step,) = rig.breaker.poll()
    assert isinstance(step, StepOutcome)
    assert (step.policy, step.status) == ("p", StepStatus.DONE)


def test_a_young_process_is_left_alone_and_the_log_says_why(rig: BreakerRig) -> None:
    assert rig.see(0, replace(rig.process(400), age_ns=5 * S)) == []
    (reason,) = rig.suppressed()
    assert "younger than the grace period" in reason


def test_only_the_first_matching_policy_applies_to_a_process(rig: BreakerRig) -> None:
    first = policy(name="first", match=Match(comms=("gopls",)), when=(condition("oom"),))
    rig.breaker.reload([first, policy(name="all")])
    assert rig.see(0, rig.process(400)) == []


def test_the_budget_outlasts_a_restart(rig: BreakerRig) -> None:
    once = policy(budget=ONCE, cooldown_ns=S)
    rig.breaker.reload([once])
    rig.see(0, rig.process(400))
    rig.see(6, rig.process(100))
    later = rig.restarted(once)
    later.see(20, later.process(400))
    assert later.started == []
    later.breaker.close()


def test_a_recreated_cgroup_shares_the_budget_of_its_predecessor(rig: BreakerRig) -> None:
    """`docker restart` makes another cgroup, and so another job in the ledger."""
    once = policy(budget=ONCE, cooldown_ns=0)
    rig.breaker.reload([once])
    key = "docker:/docker/1"
    rig.see(0, rig.process(400), restart_key=key)
    rig.see(5, rig.process(400), name="again", restart_key=key)
    assert rig.suppressed() == ["the incident of the job's previous cgroup has not ended"]
    rig.see(6, rig.process(100), restart_key=key)
    events = rig.see(90, rig.process(400), name="again", restart_key=key)
    steps = [event for event in events if isinstance(event, StepOutcome)]
    assert "budget spent" in steps[0].detail
    later = rig.restarted(once)
    later.see(120, later.process(400), name="third", restart_key=key)
    assert later.started == []
    later.see(150, later.process(400), name="fourth", restart_key="docker:/docker/2")
    assert len(later.started) == 1
    later.breaker.close()


def test_closing_ends_incidents_and_stops_their_actions(rig: BreakerRig) -> None:
    rig.action = FakeAction()
    rig.see(0, rig.process(400))
    events = rig.breaker.close("interrupted")
    assert kinds(events) == ["StepOutcome", "Outcome", "Finding"]
    assert rig.action.stopped == 1
    assert rig.breaker.close() == ()
    last = json.loads(rig.audit.read_text().splitlines()[-1])
    assert last["type"] == "outcome"
    assert "interrupted" in last["sentence"]


def test_an_unfinished_incident_is_undone_at_the_next_start(
    rig: BreakerRig, tmp_path: Path
) -> None:
    file = tmp_path / "memory.high"
    file.write_text("low")
    rig.action.undo = Undo("memory.high", file, file.stat().st_ino, "max")
    rig.see(0, rig.process(400))  # ebpftrace is killed before there is an outcome
    later = rig.restarted()
    assert file.read_text() == "max"
    (abandoned,) = later.logged("abandoned")
    assert abandoned["restored"]
    assert later.see(10, later.process(400)) == []
    assert later.suppressed() == ["the job is in its cool-down"]
    later.breaker.close()


def test_what_cannot_be_undone_at_the_next_start_is_logged(
    rig: BreakerRig, tmp_path: Path
) -> None:
    rig.action.undo = Undo("memory.high", tmp_path, 1, "max")  # a folder
    rig.see(0, rig.process(400))
    later = rig.restarted()
    (abandoned,) = later.logged("abandoned")
    assert not abandoned["restored"]
    assert str(tmp_path) in abandoned["detail"]
    later.breaker.close()


def test_a_limited_number_of_incidents_runs_at_once(rig: BreakerRig) -> None:
    rig.action = FakeAction()
    rig.breaker.reload([policy(cooldown_ns=0)])
    jobs = [rig.job(rig.process(400), name=f"job-{n}") for n in range(MAX_INCIDENTS + 1)]
    rig.breaker.handle_snapshot((), rig.snapshot(0, *jobs))
    assert len(rig.started) == MAX_INCIDENTS == 16
    assert rig.breaker.is_full
    running = {incident.job.key for incident in rig.started}
    (waiting,) = [job for job in jobs if job.identity.key not in running]
    rig.breaker.cancel(rig.started[0].job.key, "by hand")
    rig.breaker.handle_snapshot((), rig.snapshot(1, waiting))
    assert rig.started[-1].job.key == waiting.identity.key


def test_a_finding_of_the_built_in_judgement_is_not_announced_again(rig: BreakerRig) -> None:
    rig.breaker.reload([policy(when=(condition("builtin"),))])
    found = replace(watches.finding(), detector="thrash", monotonic_ns=S)
    snapshot = rig.snapshot(1, rig.job(rig.process(400)))
    events = rig.breaker.handle_snapshot((found,), snapshot)
    assert not any(isinstance(event, Finding) for event in events)
    assert len(rig.started) == 1


def test_a_breach_between_two_snapshots_starts_an_incident(rig: BreakerRig) -> None:
    process = rig.process(200)
    rig.see(0, process)
    (mark,) = rig.breaker.marks()
    assert mark.held_bytes == 300 * MIB
    job = rig.job(process)
    counters = replace(job.cgroup, contents=CgroupContents(300 * MIB, 0, 0))
    reading = GroupReading(
        S, job.identity.cgroup_id, counters, 300 * MIB, {process.key: rig.process(300).counters}
    )
    breach = Breached(S, process.key, job.identity.cgroup_id, 300 * MIB, group=True)
    rig.now_ns = S
    assert kinds(rig.breaker.handle_breach(breach, reading)) == ["Finding", "StepOutcome"]
    assert rig.started[0].job_held_bytes == 300 * MIB
    assert rig.breaker.marks_after(breach) == ()


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
    found = replace(watches.finding(), detector="fuse")
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


def test_a_kill_by_a_fuse_spends_the_budget_and_is_logged(rig: BreakerRig) -> None:
    once = policy(budget=ONCE)
    event = watches.fuse_event(FuseEventKind.KILLED)
    assert rig.breaker.budget_refusal(event.job, once) == ""
    rig.breaker.log_fuse_kill(event)
    assert "budget spent" in rig.breaker.budget_refusal(event.job, once)
    (line,) = rig.logged("fuse")
    assert (line["event"], line["account"]) == ("killed", event.job.account)
    later = rig.restarted(once)
    assert "budget spent" in later.breaker.budget_refusal(event.job, once)
    later.breaker.close()


def test_a_cancelled_incident_ends_at_once_and_starts_the_cool_down(
    rig: BreakerRig, job: str
) -> None:
    assert rig.breaker.cancel(job, "thawed by hand") == ()
    rig.action = FakeAction()
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
    hanging = rig.action = FakeAction()
    rig.see(0, rig.process(400))
    rig.action = FakeAction(Ended(StepStatus.DONE, "killed"))
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
    rig.action = FakeAction()
    rig.see(0, rig.process(400))
    assert rig.breaker.deadline_ns == S
    rig.now_ns = S
    (step, *_) = rig.breaker.poll()
    assert isinstance(step, StepOutcome)
    assert step.status is StepStatus.TIMED_OUT


def test_the_trouble_of_the_audit_log_is_the_breaker_s(rig: BreakerRig) -> None:
    before = rig.breaker.trouble
    assert before == ""
    rig.audit.unlink()
    other = AuditLog(rig.audit)  # another ebpftrace takes its place
    rig.see(0, rig.process(400))
    assert "another ebpftrace" in rig.breaker.trouble
    assert len(rig.started) == 1  # the breaker acts all the same
    other.close()
