"""`FuseIncidents` over a scripted breaker; the processes are real, so that they are alive."""

from dataclasses import dataclass, field, replace
from typing import Any, cast

from ebpftrace.act.fuse.controller import FuseController
from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.act.fuse.lines import HeldBack
from ebpftrace.act.fuse.states import StopState
from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.act.trigger.trigger import Firing
from ebpftrace.engine.fuse_incidents import FuseIncidents
from ebpftrace.events import FuseBlown, FuseScope, ProcessKey
from ebpftrace.ledger import Snapshot
from ebpftrace.units import GIB, MIB
from tests.support import watches
from tests.support.scripted_holding import ScriptedHolding
from tests.support.scripted_probe import ScriptedFuses
from tests.support.scripted_time import ScriptedTime

POLICY = Policy("bursts", Match(), (), Mode.ANY, (), fuse=Fuse(GIB, False))


JOB = watches.identity()


STOPPED, KILLED = FuseEventKind.STOPPED, FuseEventKind.KILLED


@dataclass
class ScriptedBreaker:
    """The part of a `Breaker` that is asked; the next incident gets `next_targets`.

    Empty: the breaker starts none, as for a spent budget.
    """

    next_targets: list[frozenset[ProcessKey]] = field(default_factory=list)
    running: dict[str, frozenset[ProcessKey]] = field(default_factory=dict)
    calls: list[tuple[object, ...]] = field(default_factory=list)
    logged: list[FuseEvent] = field(default_factory=list)
    firings: list[Firing] = field(default_factory=list)
    by_hand: list[bool] = field(default_factory=list)
    is_full: bool = False

    def hold_back(self, _firing: Firing) -> tuple[()] | None:
        return () if self.is_full else None

    def start_fuse_incident(
        self, firing: Firing, _snapshot: Snapshot, *, by_hand: bool = False
    ) -> tuple[()]:
        self.by_hand.append(by_hand)
        self.firings.append(firing)
        if self.next_targets:
            self.running[firing.finding.subject.job.key] = self.next_targets.pop(0)
        return ()

    def targets_of(self, job: str) -> frozenset[ProcessKey] | None:
        return self.running.get(job)

    def conclude(self, job: str, reason: str) -> tuple[()]:
        return self._end("conclude", job, reason)

    def cancel(self, job: str, reason: str) -> tuple[()]:
        return self._end("cancel", job, reason)

    def kill_now(self, job: str, reason: str) -> tuple[()]:
        self.calls.append(("kill now", *self.running[job], reason))
        return ()

    def log_held_back(self, held_back: HeldBack) -> None:
        self.calls.append(("log held back", held_back.stops, held_back.elsewhere))

    def log_fuse_event(self, event: FuseEvent) -> None:
        self.logged.append(event)

    def log_fuse_kill(self, event: FuseEvent) -> None:
        self.calls.append(("log kill", event.process))

    def budget_refusal(self, _job: object, _policy: object) -> str:
        return ""

    def _end(self, name: str, job: str, reason: str) -> tuple[()]:
        self.calls.append((name, reason))
        self.running.pop(job, None)
        return ()


class FuseRig:
    """Incidents over a scripted breaker; the processes are real, so that they are alive."""

    def __init__(self) -> None:
        self.time = ScriptedTime()
        self.holding = ScriptedHolding()
        self.asked: list[tuple[object, ...]] = []
        self.breaker = ScriptedBreaker()
        self.reported: list[FuseEvent] = []
        self.remarks: list[str] = []
        self.controller = FuseController(
            ScriptedFuses(self.asked), self.holding, unix_ns=lambda ns: ns
        )
        self.incidents = FuseIncidents(
            self.controller,
            cast(Any, self.breaker),
            report_fuse=self.reported.append,
            report=lambda _events: None,
            remark=self.remarks.append,
            clock=lambda: self.time.now_ns,
        )

    @property
    def kinds(self) -> list[tuple[ProcessKey, FuseEventKind]]:
        """What was reported, in order."""
        assert self.breaker.logged == [it for it in self.reported if it.kind is not KILLED]
        return [(event.process, event.kind) for event in self.reported]

    def stop(self, key: ProcessKey, mib: int = 1100, **changes: object) -> None:
        blown = self.blown(key, mib)
        self.incidents.kernel_stop(blown._replace(**changes))  # type: ignore[arg-type]

    def blown(self, key: ProcessKey, mib: int = 1100) -> FuseBlown:
        size = mib * MIB
        return FuseBlown(
            self.time.now_ns, key, JOB.cgroup_id, FuseScope.JOB, size, GIB + size, GIB, 19
        )

    def snapshot(self, *keys: ProcessKey, policy: Policy = POLICY, comm: str = "gopls") -> None:
        """The next snapshot, half a second later, of a job with these processes."""
        self.time.advance(0.5)
        processes = [
            replace(watches.process(key.pid, 1200 * MIB, comm=comm), key=key) for key in keys
        ]
        jobs = [watches.job(processes=processes, limit=4 * GIB)] if keys else []
        now = watches.snapshot(*jobs)._replace(monotonic_ns=self.time.now_ns)
        self.incidents.handle_snapshot([policy], now)
        self.incidents.after_actions()

    def end_incident(self) -> None:
        """It has run its ladder and its recovery check."""
        self.breaker.running.clear()
        self.incidents.after_actions()


def targeted(
    rig: FuseRig, target: ProcessKey, *keys: ProcessKey, policy: Policy = POLICY
) -> None:
    """All are stopped, and an incident is about the first one."""
    rig.breaker.next_targets = [frozenset({target})]
    for key in (target, *keys):
        rig.stop(key)
    rig.snapshot(target, *keys, policy=policy)
    assert rig.kinds == [(key, STOPPED) for key in (target, *keys)]
    assert rig.controller.state(target) is StopState.TARGET
