"""The circuit breaker: findings in, steps and outcomes out. Single-threaded, never waits."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.audit.budget import Moment, Spending
from ebpftrace.act.audit.in_vain import InVain
from ebpftrace.act.audit.log import AuditLog
from ebpftrace.act.audit.records import abandoned_record, held_back_record, logged_fuse_record
from ebpftrace.act.audit.recovery import recovery_remark, replay_audit_log
from ebpftrace.act.breaker.admission import Admission
from ebpftrace.act.breaker.running_incidents import RunningIncidents
from ebpftrace.act.breaker.suppression import SuppressionLog
from ebpftrace.act.fuse.events import FuseEvent
from ebpftrace.act.fuse.job_bound import share_in
from ebpftrace.act.fuse.ladder import at_stop, with_end
from ebpftrace.act.fuse.lines import HeldBack
from ebpftrace.act.incident.outcome import BreakerEvent
from ebpftrace.act.incident.records import Record
from ebpftrace.act.policy.policy import Policy
from ebpftrace.act.process.ready import ReadyTargets
from ebpftrace.act.trigger.marked_bound import Mark
from ebpftrace.act.trigger.marks import HALVED, Marks
from ebpftrace.act.trigger.refresh import contents_now, files_of
from ebpftrace.act.trigger.trigger import Firing, Trigger, reload_triggers
from ebpftrace.events import Breached, GroupReading, ProcessKey
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import Snapshot


class Breaker:
    """`handle_snapshot` each snapshot; `poll` when `fd` is readable, or at `deadline_ns`.

    `folder(cgroup path)` is the folder of a cgroup. `past` are the records of the audit log
    before this start: their budgets count, and their unfinished incidents are undone. A job
    has one incident at a time; jobs are given by their key.
    """

    def __init__(
        self,
        policies: Sequence[Policy],
        audit: AuditLog,
        *,
        folder: Callable[[str], Path | None],
        past: Iterable[Record] = (),
        actions: Mapping[str, Action[Any]] = ACTIONS,
        moment: Callable[[], Moment] = Moment.now,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._audit = audit
        self._folder = folder
        self._moment = moment
        self._clock = clock
        self._actions = actions
        self._spending, in_vain = Spending(), InVain()
        self._incidents = RunningIncidents(
            actions, self._spending, in_vain=in_vain, record=self._record,
            record_with_next=partial(self._record, with_next=True),
            moment=moment, clock=clock,
        )  # fmt: skip
        self._ready = ReadyTargets()
        self._admission = Admission(
            self._spending, folder=folder, moment=moment, clock=clock, ready=self._ready,
            in_vain=in_vain,
        )  # fmt: skip
        self._suppressions = SuppressionLog(self._record, clock)
        self._marks = Marks(HALVED)
        self._triggers: list[Trigger] = []
        self._snapshot: Snapshot | None = None
        self.reload(policies)
        self.recovered = self._replay(past)

    @property
    def fd(self) -> int:
        """An epoll descriptor: readable when an action has news."""
        return self._incidents.fd

    @property
    def deadline_ns(self) -> int | None:
        """CLOCK_MONOTONIC; None: nothing is due."""
        return self._incidents.deadline_ns

    @property
    def trouble(self) -> str:
        """Why the audit log cannot be written; "" if it can."""
        return self._audit.trouble

    def reload(self, policies: Sequence[Policy]) -> None:
        """Replace the policies; running incidents keep theirs.

        A condition that did not change keeps its history.
        """
        self._policies = tuple(policies)
        used = {step.action for policy in policies for step in policy.ladder}
        self._ready.prepares = [it for name in used if (it := self._actions[name].prepare)]
        self._triggers = reload_triggers(self._triggers, policies)

    def handle_snapshot(
        self, findings: Iterable[Finding], snapshot: Snapshot
    ) -> tuple[BreakerEvent, ...]:
        """Take the next snapshot and the active findings of the built-in judgement."""
        self._snapshot = snapshot
        self._ready.clear()
        self._incidents.observe(snapshot)
        builtin = tuple(findings)
        events = self._incidents.poll()
        for trigger in self._triggers:
            for firing in trigger.fire(snapshot, builtin):
                events += self._handle_firing(firing, snapshot)
        return tuple(events)

    def marks(self) -> tuple[Mark, ...]:
        """The marks for the kernel side to watch until the next snapshot."""
        if self._snapshot is None:
            return ()
        return self._marks.for_snapshot(self._triggers, self._snapshot)

    def handle_breach(self, event: Breached, reading: GroupReading) -> tuple[BreakerEvent, ...]:
        """A mark was passed: judge a `reading` of its cgroup that was taken after it."""
        if self._snapshot is None:
            return ()
        events: list[BreakerEvent] = []
        files = files_of(event.cgroup_id, self._snapshot, self._folder)
        contents = contents_now(files, self._ready.files.read)
        firings = self._marks.firings(event, self._snapshot, reading, contents)
        for firing in firings:
            events += self._handle_firing(firing, self._snapshot)
        if not firings:
            self._ready.half_way(event, self._snapshot, files)
        return tuple(events)

    def marks_after(self, event: Breached) -> tuple[Mark, ...]:
        """The marks for the kernel side to watch after a breach, until the next snapshot."""
        return self._marks.after_breach(event)

    def start_fuse_incident(
        self, firing: Firing, snapshot: Snapshot, *, by_hand: bool = False
    ) -> tuple[BreakerEvent, ...]:
        """A fuse stopped a process: start an incident, if its job has none.

        `by_hand`: a user asks for it, so that it takes no other one's place.
        """
        return tuple(self._handle_firing(firing, snapshot, by_hand=by_hand))

    def hold_back(self, firing: Firing) -> tuple[BreakerEvent, ...] | None:
        """Log that the cgroups of a job have no share left for this; None if they have."""
        refusal = self._incidents.refusal(firing.finding.subject.job)
        return tuple(self._suppress(firing, refusal)) if refusal else None

    def targets_of(self, job: str) -> frozenset[ProcessKey] | None:
        """The targets of a job's incident; None if it has none."""
        incident = self._incidents.get(job)
        return None if incident is None else frozenset(it.key for it in incident.targets)

    def process_ended(self, process: ProcessKey, signal: int) -> None:
        """A process ended by the signal of that number; 0: by none."""
        for ends in self._incidents.ends_of(process):
            ends.exited(process, signal)

    def oom_killed(self, process: ProcessKey) -> None:
        """The OOM killer chose this process."""
        for ends in self._incidents.ends_of(process):
            ends.oom_killed(process)

    def log_fuse_event(self, event: FuseEvent) -> None:
        """Write a fuse event to the audit log."""
        self._record(logged_fuse_record(event))

    def log_held_back(self, held_back: HeldBack) -> None:
        """Write to the audit log how many stops have no line there."""
        self._record(held_back_record(held_back))

    def log_fuse_kill(self, event: FuseEvent) -> None:
        """A fuse killed a process: log it, and spend the budget of its job."""
        self.log_fuse_event(event)
        self._spending.spend(event.job.accounts, self._moment())

    def budget_refusal(self, job: JobIdentity, policy: Policy) -> str:
        """Why the budget allows ending no process of a job now; "" if it does."""
        return self._spending.refusal(job.accounts, policy.budget, self._moment())

    def cancel(self, job: str, reason: str) -> tuple[BreakerEvent, ...]:
        """A user ends the incident of a job."""
        return tuple(self._incidents.abandon(job, reason, canceled=True))

    def conclude(self, job: str, reason: str) -> tuple[BreakerEvent, ...]:
        """End the incident of a job if it only waits for a successor."""
        if not self._incidents.awaits_successor(job):
            return ()
        return tuple(self._incidents.abandon(job, reason))

    def kill_now(self, job: str, reason: str) -> tuple[BreakerEvent, ...]:
        """A user makes SIGKILL the next step of a job's incident."""
        return tuple(self._incidents.kill_now(job, reason))

    def poll(self) -> tuple[BreakerEvent, ...]:
        """Every incident proceeds as far as it can without waiting."""
        return tuple(self._incidents.poll())

    def close(self, reason: str = "the watch ended") -> tuple[BreakerEvent, ...]:
        """End every incident and undo temporary changes. The audit log stays open."""
        if self._incidents.closed:
            return ()
        self._ready.clear()
        return tuple(self._incidents.close(reason))

    def _replay(self, past: Iterable[Record]) -> str:
        """Count what earlier runs spent, and undo what they left changed: a remark, or ""."""
        details = {}
        for unfinished in replay_audit_log(past, self._spending):
            details[unfinished.id] = detail = unfinished.undo()
            self._record(abandoned_record(unfinished.id, detail, self._moment(), self._clock()))
        return recovery_remark(details)

    def _handle_firing(
        self, firing: Firing, snapshot: Snapshot, *, by_hand: bool = False
    ) -> list[BreakerEvent]:
        job = firing.finding.subject.job
        if job.key in self._incidents:
            return []
        if not by_hand and (refusal := self._incidents.refusal(job)):
            return self._suppress(firing, refusal)
        incident = self._admission.admit(firing, snapshot, self._policies, self._incidents)
        if isinstance(incident, str):
            return self._suppress(firing, incident)
        policy, again = firing.policy, False
        if firing.by_fuse:
            stop = at_stop(policy, share_in(snapshot, incident.job))
            again = stop is not policy
            policy = with_end(stop)
        with self._audit.syncing_after():
            return self._incidents.start(
                incident, policy, announce=firing.has_own_bounds, cools_down=not again
            )

    def _suppress(self, firing: Firing, reason: str) -> list[BreakerEvent]:
        suppressed = self._suppressions.add(firing, reason=reason)
        return [] if suppressed is None else [suppressed]

    def _record(self, record: Record, *, with_next: bool = False) -> None:
        self._audit.write(record | self._moment().record(), with_next=with_next)
