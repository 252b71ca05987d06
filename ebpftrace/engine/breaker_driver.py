"""The breaker's place on the road: what it is told, and what becomes of its words."""

import time
from collections.abc import Iterable

from ebpftrace.act.breaker.breaker import Breaker
from ebpftrace.act.fuse.bounds import has_fuse
from ebpftrace.act.fuse.box import Fusebox
from ebpftrace.act.fuse.events import UserCommand
from ebpftrace.act.fuse.ladder import actions_with
from ebpftrace.act.incident.outcome import BreakerEvent, Outcome, StepOutcome
from ebpftrace.act.policy.conditions import sample_every_ns
from ebpftrace.act.process.survival import freeze_gc, lock_memory, lower_oom_score
from ebpftrace.engine.fuse_incidents import FuseIncidents
from ebpftrace.engine.resources import BreakerResources
from ebpftrace.events import Breached, FuseBlown, ProcessExited, ProcessKey
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import Snapshot, Who
from ebpftrace.ledger.clock import Clock
from ebpftrace.probe import Probe
from ebpftrace.views import View
from ebpftrace.views.activity import Remark


class BreakerDriver:
    """Owns the breaker of one watch, and with it the log."""

    def __init__(
        self, means: BreakerResources, probe: Probe, paths: CgroupPaths, view: View
    ) -> None:
        assert means.policies is not None and means.log is not None
        self._policies = means.policies
        self._control = means.control
        self._probe = probe
        self._view = view
        self._marked: set[tuple[int, ProcessKey | None]] = set()
        self._trouble = ""
        for unsafe in (lower_oom_score(), lock_memory()):
            if unsafe:
                self._remark(unsafe)
        self._breaker = Breaker(
            self._policies.policies, means.log, folder=paths.folder, past=means.past,
            actions=actions_with(self._let_go),
        )  # fmt: skip
        self._holding = means.holding
        self._fusing: FuseIncidents | None = None
        if probe.fuses is not None and means.holding is not None:
            self._fusing = FuseIncidents(
                Fusebox(probe.fuses, means.holding, unix_ns=Clock.now().unix_ns),
                self._breaker,
                tell=view.fuse,
                say=self._say,
                remark=self._remark,
            )
        freeze_gc()

    @property
    def fds(self) -> tuple[int, ...]:
        """Readable when an action has news, or somebody asks for one."""
        asked = () if self._control is None else (self._control.fd,)
        return (self._breaker.fd, *asked)

    def due_ns(self, otherwise: int) -> int:
        """When to call `poll`, CLOCK_MONOTONIC: `otherwise` at the latest."""
        due = self._breaker.deadline_ns
        return otherwise if due is None else min(due, otherwise)

    def snapshot(self, findings: Iterable[Finding], snapshot: Snapshot) -> None:
        """The books, and what the built-in judgement has found."""
        self._say(self._breaker.handle_snapshot(findings, snapshot))
        if self._fusing is not None and self._holding is not None:
            for key in self._holding.woken():
                self._fusing.let_go(key)  # somebody else did; the ladder goes on
            self._fusing.snapshot(self._policies.policies, snapshot)
            if told := self._holding.check():
                self._remark(told)
        self._after()
        self._set_marks()

    @property
    def wants_look(self) -> bool:
        """Whether the books are to be read now, not at the next tick."""
        return self._fusing is not None and self._fusing.wants_look

    def blown(self, event: FuseBlown, who: Who | None) -> None:
        """The kernel stopped or killed one; `who` that is, as the books have it now."""
        if self._fusing is None:
            return
        if event.killed:
            self._fusing.killed(event, self._policies.policies, who)
        else:
            self._fusing.stopped(event)

    def ended(self, event: ProcessExited) -> None:
        """One has ended or become another program."""
        if self._fusing is None:
            return
        if event.executed:
            self._fusing.executed(event.key)
        else:
            self._fusing.ended(event.key)

    def wish(self, wish: UserCommand) -> None:
        """A user decided what is to become of one that stands."""
        if self._fusing is not None:
            self._fusing.wish(wish)

    def breached(self, event: Breached) -> None:
        """The kernel told that a mark was passed: is the bound, too, by the figures of now?"""
        reading = self._probe.read_one_group(time.monotonic_ns(), event.cgroup_id, event.key)
        if reading is None:
            return
        self._say(self._breaker.handle_breach(event, reading))
        self._after()
        for mark in self._breaker.marks_after(event):
            self._mark(mark.cgroup_id, mark.process, mark.held_bytes)

    @property
    def sample_every_ns(self) -> int | None:
        """How often the books are to be looked at; None: an interval will do."""
        return sample_every_ns(self._policies.policies)

    def poll(self) -> None:
        """Actions go on as far as they can; who asks is answered."""
        if self._control is not None:
            for request in self._control.requests():
                request.reply([] if self._fusing is None else self._fusing.thaw(request.pid))
        self._say(self._breaker.poll())
        self._after()

    def reload(self) -> None:
        """Read the policies again; a bad file keeps the old ones, and either is said."""
        reloaded = self._policies.reload()
        self._breaker.reload(reloaded.policies)
        self._remark(reloaded.sentence)
        if self._fusing is None and has_fuse(reloaded.policies):
            self._remark(
                "a fuse is new in these policies: it needs a watch that began with one"
            )

    def close(self) -> None:
        """Incidents that run are ended, and what was changed for a time is put back."""
        if self._fusing is not None:
            self._fusing.close()
        self._say(self._breaker.close())

    def _let_go(self, key: ProcessKey) -> None:
        if self._fusing is not None:
            self._fusing.let_go(key)

    def _after(self) -> None:
        if self._fusing is not None:
            self._fusing.after_actions()

    def _set_marks(self) -> None:
        """The kernel forgets a mark once it was passed: all are set anew."""
        marked: set[tuple[int, ProcessKey | None]] = set()
        for mark in self._breaker.marks():
            marked.add((mark.cgroup_id, mark.process))
            self._mark(mark.cgroup_id, mark.process, mark.held_bytes)
        for cgroup_id, process in self._marked - marked:
            self._mark(cgroup_id, process, 0)
        self._marked = marked

    def _mark(self, cgroup_id: int, process: ProcessKey | None, held_bytes: int) -> None:
        if process is None:
            self._probe.mark_group(cgroup_id, held_bytes)
        else:
            self._probe.mark_process(process, held_bytes)

    def _say(self, words: Iterable[BreakerEvent]) -> None:
        for word in words:
            if isinstance(word, StepOutcome):
                self._view.step(word)
            elif isinstance(word, Outcome):
                self._view.outcome(word)
            else:
                self._view.finding(word)
        if (trouble := self._breaker.trouble) != self._trouble:
            self._trouble = trouble
            self._remark(trouble or "the audit log is written again, with nothing left out")

    def _remark(self, text: str) -> None:
        self._view.remark(Remark(time.time_ns(), time.monotonic_ns(), text))
