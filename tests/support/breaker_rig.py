"""A breaker about a real process: the snapshots are written, and its action is scripted."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.actions.support.running import Ended, Running
from ebpftrace.act.audit.budget import Moment
from ebpftrace.act.audit.log import AuditLog
from ebpftrace.act.audit.reader import AuditReader
from ebpftrace.act.breaker.breaker import Breaker
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import BreakerEvent, StepStatus
from ebpftrace.act.incident.records import Record
from ebpftrace.act.policy.policy import Budget, Match, Mode, Policy, Step
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, Snapshot
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support import watches
from tests.support.conditions import level
from tests.support.incidents import key_of
from tests.support.scripted_action import ScriptedAction

S = NS_PER_SECOND


ONCE = Budget(1, 1000 * S)


@dataclass
class BreakerRig:
    """A breaker, the process it may act on, and the clock of both."""

    pid: int
    audit: Path
    policies: tuple[Policy, ...]
    past: tuple[Record, ...] = ()
    now_ns: int = 0
    action: ScriptedAction = field(
        default_factory=lambda: ScriptedAction(Ended(StepStatus.DONE, ""))
    )
    started: list[Incident] = field(default_factory=list)
    options: list[Any] = field(default_factory=list)
    prepared: int = 0

    def __post_init__(self) -> None:
        self.log = AuditLog(self.audit)
        self.breaker = Breaker(
            self.policies,
            self.log,
            folder=lambda _path: None,
            past=self.past,
            actions={
                "signal": replace(ACTIONS["signal"], start=self.start, prepare=self.prepare)
            },
            moment=lambda: Moment(self.now_ns, self.now_ns, "boot"),
            clock=lambda: self.now_ns,
        )

    def close(self) -> None:
        self.breaker.close()
        self.log.close()

    def start(self, incident: Incident, options: Any) -> Running:
        self.started.append(incident)
        self.options.append(options)
        return self.action

    def prepare(self) -> None:
        self.prepared += 1

    def process(self, mib: int, **changes: Any) -> ProcessSnapshot:
        held = watches.counters(mib * MIB)
        usage = replace(held.usage, anon_bytes=mib * MIB, file_bytes=0)
        made = watches.process(self.pid, book=held._replace(usage=usage))
        return replace(made, key=key_of(self.pid), age_ns=100 * S, **changes)

    def job(
        self,
        *processes: ProcessSnapshot,
        name: str = "build-42",
        restart_key: str = "",
        place_account: str = "",
    ) -> JobSnapshot:
        made = watches.job(name, processes, limit=None)
        identity = made.identity._replace(restart_key=restart_key, place_account=place_account)
        return replace(made, identity=identity)

    def snapshot(self, seconds: float, *jobs: JobSnapshot) -> Snapshot:
        self.now_ns = round(seconds * S)
        return watches.snapshot(*jobs)._replace(monotonic_ns=self.now_ns)

    def see(
        self,
        seconds: float,
        *processes: ProcessSnapshot,
        name: str = "build-42",
        **accounts: str,
    ) -> list[BreakerEvent]:
        """The breaker handles a snapshot of one job with these processes."""
        job = self.job(*processes, name=name, **accounts)
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


def kinds(events: list[BreakerEvent] | tuple[BreakerEvent, ...]) -> list[str]:
    return [type(event).__name__ for event in events]
