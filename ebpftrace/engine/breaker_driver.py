"""Passes events, snapshots and commands to the breaker, and its events to the view."""

from collections.abc import Iterable

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.audit.budget import Moment
from ebpftrace.act.breaker.breaker import Breaker
from ebpftrace.act.fuse.bounds import has_fuse
from ebpftrace.act.fuse.controller import FuseController
from ebpftrace.act.fuse.events import UserCommand
from ebpftrace.act.fuse.kills import FuseKills
from ebpftrace.act.fuse.ladder import actions_with
from ebpftrace.act.fuse.resumes import Resumes
from ebpftrace.act.incident.outcome import BreakerEvent, Outcome, StepOutcome, SuppressedTrigger
from ebpftrace.act.policy.conditions import sample_every_ns
from ebpftrace.engine.fuse_incidents import FuseIncidents
from ebpftrace.engine.resources import BreakerResources
from ebpftrace.engine.waiting.clock import TimeSource
from ebpftrace.events import (
    Breached,
    FuseBlown,
    OomKilled,
    ProcessExited,
    ProcessKey,
    ProcessStarted,
)
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import KnownProcess, Snapshot
from ebpftrace.probe import Probe
from ebpftrace.views import View
from ebpftrace.views.start import Remark, RemarkKind


class BreakerDriver:
    """Owns the breaker of one watch; `resources` stay the caller's to close."""

    def __init__(
        self,
        resources: BreakerResources,
        probe: Probe,
        paths: CgroupPaths,
        view: View,
        time: TimeSource,
    ) -> None:
        assert resources.policies is not None and resources.log is not None
        self._policies = resources.policies
        self._control = resources.control
        self._probe = probe
        self._view = view
        self._time = time
        self._marked: set[tuple[int, ProcessKey | None]] = set()
        self._trouble = ""
        self._breaker = Breaker(
            self._policies.policies, resources.log, folder=paths.folder, past=resources.past,
            actions=actions_with(self._resume, probe.sharers, probe.heirs),
            moment=self._moment, clock=time.monotonic_ns,
        )  # fmt: skip
        if self._breaker.recovered:
            self._remark(self._breaker.recovered)
        self._kills = FuseKills(probe)
        self._resumes = Resumes()
        self._holding = resources.holding
        self._fuses: FuseIncidents | None = None
        self._stops: FuseController | None = None
        if probe.fuses is not None and resources.holding is not None:
            offset_ns = time.unix_ns() - time.monotonic_ns()
            self._stops = FuseController(
                probe.fuses,
                resources.holding,
                unix_ns=lambda ns: ns + offset_ns,
                unexpected=self._remark,
            )
            self._fuses = FuseIncidents(
                self._stops,
                self._breaker,
                report_fuse=view.fuse,
                report=self._report,
                remark=self._remark,
                clock=time.monotonic_ns,
            )

    @property
    def fds(self) -> tuple[int, ...]:
        """Readable when an action has news, or `ebpftrace thaw` asks."""
        control = () if self._control is None else (self._control.fd,)
        return (self._breaker.fd, *control)

    def due_ns(self, otherwise: int) -> int:
        """When to call `poll`, CLOCK_MONOTONIC: `otherwise` at the latest."""
        due = self._breaker.deadline_ns
        return otherwise if due is None else min(due, otherwise)

    @property
    def needs_snapshot(self) -> bool:
        """Whether a snapshot is to be taken now and not at the next tick."""
        return self._fuses is not None and self._fuses.needs_snapshot

    @property
    def sample_every_ns(self) -> int | None:
        """How often a policy needs a snapshot; None: once an interval will do."""
        return sample_every_ns(self._policies.policies)

    def handle_snapshot(self, findings: Iterable[Finding], snapshot: Snapshot) -> None:
        """Judge the next snapshot; `findings` are the active ones of the built-in judgement."""
        self._report(self._breaker.handle_snapshot(findings, snapshot))
        self._kills.handle_snapshot(self._time.monotonic_ns())
        if self._fuses is not None and self._holding is not None:
            for key in self._holding.resumed_by_others():
                self._handle_resumed(key)
            self._fuses.handle_snapshot(self._policies.policies, snapshot)
            if trouble := self._holding.check():
                self._remark(trouble)
        self._after_actions()
        self._set_marks()

    def handle_fuse(self, event: FuseBlown, known: KnownProcess | None) -> None:
        """The kernel stopped or killed a process; `known` is what the ledger has of it."""
        if self._fuses is None:
            return
        if event.killed:
            self._fuses.kernel_kill(event, self._policies.policies, known)
            self._kills.killed(event, self._time.monotonic_ns(), known and known.job)
        else:
            self._fuses.kernel_stop(event)

    def handle_start(self, event: ProcessStarted) -> None:
        """A process is tracked from here on."""
        self._kills.started(event, self._time.monotonic_ns())

    def handle_exit(self, event: ProcessExited) -> None:
        """A process has ended, or become another program."""
        if not event.executed:
            self._breaker.process_ended(event.key, event.signal)
        if self._fuses is None:
            return
        if event.executed:
            self._fuses.executed(event.key)
        else:
            self._fuses.ended(event.key)

    def handle_oom_kill(self, event: OomKilled) -> None:
        """The OOM killer chose a process."""
        self._breaker.oom_killed(event.key)

    def handle_breach(self, event: Breached) -> None:
        """A mark was passed: read its cgroup, and act if the bound is passed as well."""
        now_ns = self._time.monotonic_ns()
        reading = self._probe.read_one_group(now_ns, event.cgroup_id, event.key)
        if reading is None:
            return
        self._report(self._breaker.handle_breach(event, reading))
        self._after_actions()
        for mark in self._breaker.marks_after(event):
            self._mark(mark.cgroup_id, mark.process, mark.held_bytes)

    def execute(self, command: UserCommand) -> None:
        """A user decided what becomes of a stopped process."""
        if self._fuses is not None:
            self._fuses.execute(command)

    def poll(self) -> None:
        """Let actions take their next steps, and answer `ebpftrace thaw`."""
        if self._control is not None:
            for request in self._control.requests():
                request.reply([] if self._fuses is None else self._fuses.thaw(request.pid))
        self._report(self._breaker.poll())
        self._after_actions()

    def reload(self) -> None:
        """Read the policies again. A bad file keeps the old ones; a remark says which."""
        reloaded = self._policies.reload()
        self._breaker.reload(reloaded.policies)
        kept = reloaded.error is not None
        kind = RemarkKind.NOT_RELOADED if kept else RemarkKind.RELOADED
        self._remark(reloaded.sentence, kind)
        if self._fuses is None and has_fuse(reloaded.policies):
            self._remark(
                "the new policies add a fuse, which takes effect once the watch is restarted"
            )

    def close(self) -> None:
        """End running incidents, and undo what was changed for a time."""
        if self._fuses is not None:
            self._fuses.close()
        self._report(self._breaker.close())

    def _handle_resumed(self, key: ProcessKey) -> None:
        """Another program resumed it: its bound is raised, unless that happens often."""
        process = None if self._stops is None else self._stops.find(key)
        if process and self._resumes.allow(process.bound_key, self._time.monotonic_ns()):
            self._resume(key)

    def _resume(self, key: ProcessKey) -> None:
        if self._fuses is not None:
            self._fuses.resume(key)

    def _resume_after(self, step: StepOutcome) -> None:
        """A process at its backstop runs again once a step has acted, as a signal needs."""
        action = ACTIONS.get(step.action)
        if self._stops is None or action is None or action.informational:
            return
        for key in self._breaker.targets_of(step.job.key) or ():
            process = self._stops.find(key)
            if process is not None and process.fuse.backstop:
                self._resume(key)

    def _after_actions(self) -> None:
        if self._fuses is not None:
            self._fuses.after_actions()

    def _set_marks(self) -> None:
        """Set all marks anew: the kernel forgets one once it was passed."""
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

    def _report(self, events: Iterable[BreakerEvent]) -> None:
        for event in events:
            if isinstance(event, StepOutcome):
                self._view.step(event)
                self._resume_after(event)
            elif isinstance(event, Outcome):
                self._view.outcome(event)
            elif isinstance(event, SuppressedTrigger):
                self._remark(event.sentence)
            else:
                self._view.finding(event)
        if (trouble := self._breaker.trouble) != self._trouble:
            self._trouble = trouble
            kind = RemarkKind.AUDIT_TROUBLE if trouble else RemarkKind.AUDIT_MENDED
            mended = "the audit log can be written again; no record is missing"
            self._remark(trouble or mended, kind)

    def _remark(self, text: str, kind: RemarkKind = RemarkKind.OTHER) -> None:
        now_ns, unix_ns = self._time.monotonic_ns(), self._time.unix_ns()
        self._view.remark(Remark(unix_ns, now_ns, text, kind))

    def _moment(self) -> Moment:
        return Moment.at(self._time.unix_ns(), self._time.boottime_ns())
