"""The circuit breaker: findings in, steps and outcomes out. One thread, nothing waited for."""

import select
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ebpftrace.act.actions import STARTS, Start
from ebpftrace.act.aim import aim
from ebpftrace.act.audit import AuditLog
from ebpftrace.act.begin import begin
from ebpftrace.act.budget import Moment, Spending
from ebpftrace.act.curves import Curves
from ebpftrace.act.fuse import FuseNews
from ebpftrace.act.fuse_ladder import with_end
from ebpftrace.act.fuse_words import fuse_record
from ebpftrace.act.incident import Incident, facts
from ebpftrace.act.ladder import Ladder, Word
from ebpftrace.act.marks import Mark, Marks
from ebpftrace.act.past import Record, read_back
from ebpftrace.act.policy import Policy
from ebpftrace.act.triggers import Firing, Trigger, renewed
from ebpftrace.counters import CgroupContents
from ebpftrace.errors import EbpftraceError
from ebpftrace.events import Breached, GroupReading, ProcessKey
from ebpftrace.host.memstat import read_contents
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge.finding import Finding, State
from ebpftrace.judge.samples import CLOSEST_NS
from ebpftrace.ledger import Snapshot
from ebpftrace.text import clean
from ebpftrace.units import NS_PER_SECOND

AT_ONCE = 16
"""So many incidents run at the same time; the next begins when one is over."""

_LOOKS = 4  # at a window: what was gained before it counts for a quarter of it at most

_SAID_AGAIN_NS = 60 * NS_PER_SECOND


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
        starts: Mapping[str, Start] = STARTS,
        moment: Callable[[], Moment] = Moment.now,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._audit = audit
        self._folder = folder
        self._starts = starts
        self._moment = moment
        self._clock = clock
        self._epoll = select.epoll()
        self._fds: set[int] = set()
        self._ladders: dict[str, Ladder] = {}  # by the job's key
        self._told: dict[str, Finding] = {}  # by job: the findings that only we know of
        self._spending = Spending()
        self._curves = Curves()
        self._marks = Marks()
        self._triggers: list[Trigger] = []
        self._snapshot: Snapshot | None = None
        self._said: dict[tuple[str, str], int] = {}  # why a firing was held back, and when
        self.reload(policies)
        for left in read_back(past, self._spending):
            troubles = [trouble for undo in left.undos if (trouble := undo.run())]
            self._write(
                left.incident,
                {"type": "abandoned", "undone": not troubles, "detail": ", ".join(troubles)},
            )

    @property
    def fd(self) -> int:
        """An epoll descriptor: readable when an action has news."""
        return self._epoll.fileno()

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

    def consider(self, findings: Iterable[Finding], snapshot: Snapshot) -> tuple[Word, ...]:
        """The next snapshot, and the findings of the built-in judgement that are active."""
        self._snapshot = snapshot
        self._curves.add(snapshot)
        for ladder in self._ladders.values():
            ladder.see(snapshot)
        builtin = tuple(findings)
        words: list[Word] = list(self.poll())
        for trigger in self._triggers:
            for firing in trigger.fire(snapshot, builtin):
                words += self._meet(firing, snapshot)
        return tuple(words)

    def marks(self) -> tuple[Mark, ...]:
        """Bounds for the kernel to watch until the next snapshot."""
        if self._snapshot is None:
            return ()
        return self._marks.of(self._triggers, self._snapshot)

    def breached(self, event: Breached, reading: GroupReading) -> tuple[Word, ...]:
        """The kernel told that a mark was passed: judged now, by a reading of its cgroup."""
        words: list[Word] = []
        if self._snapshot is None:
            return ()
        contents = self._contents(event, self._snapshot)
        for firing in self._marks.firings(event, self._snapshot, reading, contents):
            words += self._meet(firing, self._snapshot)
        return tuple(words)

    def marks_after(self, event: Breached) -> tuple[Mark, ...]:
        """What the kernel is to watch after a breach, until the next snapshot."""
        return self._marks.anew(event)

    @property
    def look_every_ns(self) -> int | None:
        """How often a window must be looked at, so that it has a floor; None: no window."""
        windows = [
            one.window_ns
            for policy in self._policies
            for one in policy.when
            if one.detector == "growth"
        ]
        return max(CLOSEST_NS, min(windows) // _LOOKS) if windows else None

    def blow(self, firing: Firing, snapshot: Snapshot) -> tuple[Word, ...]:
        """A fuse stopped one: its incident begins now, if the job has none."""
        return tuple(self._meet(firing, snapshot))

    def meant(self, job: str) -> frozenset[ProcessKey] | None:
        """Whom the incident of a job is about; None where it has none."""
        ladder = self._ladders.get(job)
        return None if ladder is None else frozenset(one.key for one in ladder.incident.meant)

    @property
    def full(self) -> bool:
        """Whether no further incident can begin before one is over."""
        return len(self._ladders) >= AT_ONCE

    def note(self, news: FuseNews) -> None:
        """The log has every stop, and what became of it."""
        self._write("", fuse_record(news))

    def spent(self, news: FuseNews) -> None:
        """The kernel side ended one: that is on the budget as any other end."""
        self.note(news)
        self._spending.spend(self._account(news.job), self._moment())

    def exhausted(self, job: JobIdentity, policy: Policy) -> str:
        """Why no process of a job may be ended now; "" if one may."""
        return self._spending.exhausted(self._account(job), policy.budget, self._moment())

    def cancel(self, job: str, why: str) -> tuple[Word, ...]:
        """Somebody decided otherwise: the incident of a job is over."""
        return self._abandon(job, why, called_off=True) if job in self._ladders else ()

    def conclude(self, job: str, why: str) -> tuple[Word, ...]:
        """Whoever was meant is gone: what is left of the incident is not waited for."""
        ladder = self._ladders.get(job)
        return () if ladder is None or not ladder.relieving else self._abandon(job, why)

    def hurry(self, job: str, why: str) -> tuple[Word, ...]:
        """Somebody decided that it ends now."""
        words: list[Word] = []
        if job in self._ladders:
            words += self._ladders[job].hurry(why)
        return (*words, *self.poll())

    def _abandon(self, job: str, why: str, *, called_off: bool = False) -> tuple[Word, ...]:
        words = [*self._ladders[job].abandon(why, called_off=called_off), *self._over(job)]
        self._register()
        return tuple(words)

    def poll(self) -> tuple[Word, ...]:
        """Whatever can go on goes on."""
        words: list[Word] = []
        for key, ladder in list(self._ladders.items()):
            words += ladder.poll()
            if ladder.over:
                words += self._over(key)
        self._register()
        return tuple(words)

    def close(self, why: str = "the watch ended") -> tuple[Word, ...]:
        """Stop what runs, put back what was changed for a time, and sync the log."""
        words: list[Word] = []
        if self._epoll.closed:
            return ()
        for key, ladder in list(self._ladders.items()):
            words += ladder.abandon(why)
            words += self._over(key)
        self._register()
        self._epoll.close()
        self._audit.close()
        return tuple(words)

    def _meet(self, firing: Firing, snapshot: Snapshot) -> Iterator[Word]:
        identity = firing.finding.subject.job
        job, account = identity.key, self._account(identity)
        if job in self._ladders or self.full:
            return
        ladders = self._ladders.values()
        if not firing.blown and any(one.incident.job.account == account for one in ladders):
            self._hold_back(firing, "the incident of the cgroup that it had before is not over")
            return
        policy, now = firing.policy, self._moment()
        if not firing.blown and self._spending.resting_ns(account, policy.cooldown_ns, now):
            self._hold_back(firing, "the job rests after its last incident")
            return
        try:
            aimed = aim(self._policies, firing, snapshot)
            if isinstance(aimed, str):
                self._hold_back(firing, aimed)
                return
            one = aimed.process
            if not firing.blown and aimed.age_ns < policy.grace_ns:
                self._hold_back(firing, f"{one.comm} {one.pid} is young")
                return
            incident = begin(
                policy, firing.finding, aimed,
                now_ns=self._clock(),
                folder_of=self._folder,
                curve=self._curves.of(job),
                more=firing.more,
            )  # fmt: skip
        except EbpftraceError as error:
            self._hold_back(firing, error.what)
            return
        except OSError as error:  # no descriptor is left to hold the process by
            self._hold_back(firing, error.strerror or clean(str(error)))
            return
        begun = {"type": "incident", "account": account, "facts": facts(incident)}
        self._write(incident.id, begun)
        self._ladders[job] = self._ladder(
            incident, with_end(policy) if firing.blown else policy
        )
        if firing.own:
            yield replace(firing.finding, state=State.BEGIN)
            self._told[job] = firing.finding
        yield from self.poll()

    def _ladder(self, incident: Incident, policy: Policy) -> Ladder:
        job, spending = incident.job.account, self._spending
        return Ladder(
            incident,
            policy,
            self._starts,
            allowed=lambda: spending.exhausted(job, policy.budget, self._moment()),
            spend=lambda: spending.spend(job, self._moment()),
            refund=lambda: spending.refund(job),
            record=partial(self._write, incident.id),
            clock=self._clock,
        )

    def _over(self, job: str) -> Iterator[Word]:
        """Rest; and what was told of the breach is taken back."""
        incident, now_ns = self._ladders.pop(job).incident, self._clock()
        self._spending.rest(incident.job.account, self._moment())
        finding = self._told.pop(job, None)
        if finding is not None:
            yield replace(
                finding,
                state=State.END,
                time_ns=incident.unix_ns(now_ns),
                monotonic_ns=now_ns,
                sentence=f"{incident.who}: the incident is over",
            )

    def _account(self, job: JobIdentity) -> str:
        """What its budget is kept by, with what an older log has booked under its key."""
        self._spending.adopt(job.key, job.account)
        return job.account

    def _contents(self, event: Breached, snapshot: Snapshot) -> CgroupContents | None:
        cgroups = {one.identity.cgroup_id: one.identity.cgroup for one in snapshot.jobs}
        path = cgroups.get(event.cgroup_id, "/")
        folder = None if path == "/" else self._folder(path)
        return None if folder is None else read_contents(folder)

    def _hold_back(self, firing: Firing, why: str) -> None:
        """Said to the audit log once a minute: the condition is met at every snapshot."""
        key, now_ns = (firing.policy.name, firing.finding.subject.job.key), self._clock()
        self._said = {one: at for one, at in self._said.items() if now_ns - at < _SAID_AGAIN_NS}
        if key in self._said:
            return
        self._said[key] = now_ns
        finding = firing.finding
        self._write(
            "",
            {
                "type": "held_back",
                "policy": firing.policy.name,
                "job": finding.subject.job.name,
                "sentence": finding.sentence,
                "why": why,
            },
        )

    def _write(self, incident: str, record: dict[str, Any]) -> None:
        self._audit.write({"incident": incident} | self._moment().record() | record)

    def _register(self) -> None:
        """What the epoll listens to is what the running actions wait for, no more."""
        wanted = {fd for ladder in self._ladders.values() for fd in ladder.fds}
        for fd in self._fds - wanted:
            try:
                self._epoll.unregister(fd)
            except (OSError, ValueError):
                continue  # it was closed, which took it out by itself
        for fd in wanted:
            try:
                self._epoll.register(fd, select.EPOLLIN)
            except FileExistsError:
                continue
        self._fds = wanted
