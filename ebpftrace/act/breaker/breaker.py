"""The circuit breaker: findings in, steps and outcomes out. One thread, nothing waited for."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.audit.allowance import Allowance
from ebpftrace.act.audit.budget import Moment, Spending
from ebpftrace.act.audit.log import AuditLog
from ebpftrace.act.audit.recovery import Record, replay_audit_log
from ebpftrace.act.breaker.admission import Admission
from ebpftrace.act.breaker.descriptors import Descriptors
from ebpftrace.act.breaker.ladder import Ladder
from ebpftrace.act.breaker.suppression import SuppressionLog
from ebpftrace.act.fuse.events import FuseEvent
from ebpftrace.act.fuse.format import fuse_record
from ebpftrace.act.fuse.ladder import with_end
from ebpftrace.act.incident.incident import Incident, facts
from ebpftrace.act.incident.outcome import BreakerEvent
from ebpftrace.act.policy.policy import Policy
from ebpftrace.act.trigger.marked_bound import Mark
from ebpftrace.act.trigger.marks import Marks
from ebpftrace.act.trigger.refresh import contents_now
from ebpftrace.act.trigger.trigger import Firing, Trigger, renewed
from ebpftrace.events import Breached, GroupReading, ProcessKey
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge.finding import Finding, FindingState
from ebpftrace.ledger import Snapshot

AT_ONCE = 16
"""So many incidents run at the same time; the next begins when one is over."""


class Breaker:
    """`consider` each snapshot; `poll` when `fd` is readable, or at `deadline_ns`.

    `folder(cgroup path)` says where a cgroup's files are. `past` are the records of the
    audit log before this start: what was spent is spent, and what was left changed is put
    back. A job has one incident at a time.
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
        self._actions = actions
        self._moment = moment
        self._clock = clock
        self._descriptors = Descriptors()
        self._ladders: dict[str, Ladder] = {}  # by the job's key
        self._told: dict[str, Finding] = {}  # by job: the findings that only we know of
        self._spending = Spending()
        self._admission = Admission(self._spending, folder=folder, moment=moment, clock=clock)
        self._held_back = SuppressionLog(partial(self._write, ""), clock)
        self._marks = Marks()
        self._triggers: list[Trigger] = []
        self._snapshot: Snapshot | None = None
        self.reload(policies)
        self._put_back(past)

    @property
    def fd(self) -> int:
        """An epoll descriptor: readable when an action has news."""
        return self._descriptors.fd

    @property
    def deadline_ns(self) -> int | None:
        """CLOCK_MONOTONIC; None: nothing is due."""
        due = [ladder.deadline_ns for ladder in self._ladders.values()]
        return min((one for one in due if one is not None), default=None)

    @property
    def trouble(self) -> str:
        """What keeps the audit log from being written; "" if nothing does."""
        return self._audit.trouble

    def reload(self, policies: Sequence[Policy]) -> None:
        """Other policies from here on; incidents that began go on with theirs.

        A condition that is in both keeps its history: what was gained until now counts.
        """
        self._policies = tuple(policies)
        self._triggers = renewed(self._triggers, policies)

    def consider(
        self, findings: Iterable[Finding], snapshot: Snapshot
    ) -> tuple[BreakerEvent, ...]:
        """The next snapshot, and the findings of the built-in judgement that are active."""
        self._snapshot = snapshot
        self._admission.see(snapshot)
        for ladder in self._ladders.values():
            ladder.see(snapshot)
        builtin = tuple(findings)
        words: list[BreakerEvent] = list(self.poll())
        for trigger in self._triggers:
            for firing in trigger.fire(snapshot, builtin):
                words += self._meet(firing, snapshot)
        return tuple(words)

    def marks(self) -> tuple[Mark, ...]:
        """Bounds for the kernel to watch until the next snapshot."""
        if self._snapshot is None:
            return ()
        return self._marks.of(self._triggers, self._snapshot)

    def breached(self, event: Breached, reading: GroupReading) -> tuple[BreakerEvent, ...]:
        """The kernel told that a mark was passed: judged now, by a reading of its cgroup."""
        words: list[BreakerEvent] = []
        if self._snapshot is None:
            return ()
        contents = contents_now(event.cgroup_id, self._snapshot, self._folder)
        for firing in self._marks.firings(event, self._snapshot, reading, contents):
            words += self._meet(firing, self._snapshot)
        return tuple(words)

    def marks_after(self, event: Breached) -> tuple[Mark, ...]:
        """What the kernel is to watch after a breach, until the next snapshot."""
        return self._marks.anew(event)

    def blow(self, firing: Firing, snapshot: Snapshot) -> tuple[BreakerEvent, ...]:
        """A fuse stopped one: its incident begins now, if the job has none."""
        return tuple(self._meet(firing, snapshot))

    def meant(self, job: str) -> frozenset[ProcessKey] | None:
        """Whom the incident of a job is about; None where it has none."""
        ladder = self._ladders.get(job)
        return None if ladder is None else frozenset(one.key for one in ladder.incident.targets)

    @property
    def full(self) -> bool:
        """Whether no further incident can begin before one is over."""
        return len(self._ladders) >= AT_ONCE

    def note(self, news: FuseEvent) -> None:
        """The log has every stop, and what became of it."""
        self._write("", fuse_record(news))

    def spent(self, news: FuseEvent) -> None:
        """The kernel side ended one: that is on the budget as any other end."""
        self.note(news)
        self._spending.spend(self._spending.account_of(news.job), self._moment())

    def exhausted(self, job: JobIdentity, policy: Policy) -> str:
        """Why no process of a job may be ended now; "" if one may."""
        return self._spending.exhausted(
            self._spending.account_of(job), policy.budget, self._moment()
        )

    def cancel(self, job: str, why: str) -> tuple[BreakerEvent, ...]:
        """Somebody decided otherwise: the incident of a job is over."""
        return self._abandon(job, why, canceled=True) if job in self._ladders else ()

    def conclude(self, job: str, why: str) -> tuple[BreakerEvent, ...]:
        """Whoever was meant is gone: what is left of the incident is not waited for."""
        ladder = self._ladders.get(job)
        return () if ladder is None or not ladder.relieving else self._abandon(job, why)

    def hurry(self, job: str, why: str) -> tuple[BreakerEvent, ...]:
        """Somebody decided that it ends now."""
        words: list[BreakerEvent] = []
        if job in self._ladders:
            words += self._ladders[job].hurry(why)
        return (*words, *self.poll())

    def _abandon(
        self, job: str, why: str, *, canceled: bool = False
    ) -> tuple[BreakerEvent, ...]:
        words = [*self._ladders[job].abandon(why, canceled=canceled), *self._over(job)]
        self._listen()
        return tuple(words)

    def poll(self) -> tuple[BreakerEvent, ...]:
        """Whatever can go on goes on."""
        words: list[BreakerEvent] = []
        for key, ladder in list(self._ladders.items()):
            words += ladder.poll()
            if ladder.over:
                words += self._over(key)
        self._listen()
        return tuple(words)

    def close(self, why: str = "the watch ended") -> tuple[BreakerEvent, ...]:
        """Stop what runs, put back what was changed for a time, and sync the log."""
        words: list[BreakerEvent] = []
        if self._descriptors.closed:
            return ()
        for key, ladder in list(self._ladders.items()):
            words += ladder.abandon(why)
            words += self._over(key)
        self._listen()
        self._descriptors.close()
        self._audit.close()
        return tuple(words)

    def _put_back(self, past: Iterable[Record]) -> None:
        """What the last start left changed; and what it spent is spent."""
        for left in replay_audit_log(past, self._spending):
            troubles = [trouble for undo in left.undos if (trouble := undo.run())]
            self._write(
                left.incident,
                {"type": "abandoned", "undone": not troubles, "detail": ", ".join(troubles)},
            )

    def _meet(self, firing: Firing, snapshot: Snapshot) -> Iterator[BreakerEvent]:
        job = firing.finding.subject.job
        account = self._spending.account_of(job)
        if job.key in self._ladders or self.full:
            return
        running = [one.incident for one in self._ladders.values()]
        incident = self._admission.admit(firing, snapshot, self._policies, running)
        if isinstance(incident, str):
            self._held_back.say(firing, incident)
            return
        begun = {"type": "incident", "account": account, "facts": facts(incident)}
        self._write(incident.id, begun)
        policy = with_end(firing.policy) if firing.blown else firing.policy
        self._ladders[job.key] = self._ladder(incident, policy)
        if firing.own:
            yield replace(firing.finding, state=FindingState.BEGIN)
            self._told[job.key] = firing.finding
        yield from self.poll()

    def _ladder(self, incident: Incident, policy: Policy) -> Ladder:
        account, budget = incident.job.account, policy.budget
        return Ladder(
            incident,
            policy,
            self._actions,
            allowance=Allowance(self._spending, account, budget, self._moment),
            record=partial(self._write, incident.id),
            clock=self._clock,
        )

    def _over(self, job: str) -> Iterator[BreakerEvent]:
        """Rest; and what was told of the breach is taken back."""
        incident, now_ns = self._ladders.pop(job).incident, self._clock()
        self._spending.rest(incident.job.account, self._moment())
        finding = self._told.pop(job, None)
        if finding is not None:
            yield replace(
                finding,
                state=FindingState.END,
                time_ns=incident.unix_ns(now_ns),
                monotonic_ns=now_ns,
                sentence=f"{incident.target_name}: the incident is over",
            )

    def _write(self, incident: str, record: dict[str, Any]) -> None:
        self._audit.write({"incident": incident} | self._moment().record() | record)

    def _listen(self) -> None:
        """To what the running actions wait for, no more."""
        self._descriptors.listen(fd for one in self._ladders.values() for fd in one.fds)
