"""A ladder of scripted actions, with a clock that the test moves."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.actions.support.running import Running
from ebpftrace.act.audit.allowance import Allowance
from ebpftrace.act.audit.budget import Moment, Spending
from ebpftrace.act.breaker.ladder import Ladder
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import Outcome, StepOutcome
from ebpftrace.act.policy.policy import Budget, Match, Mode, Policy, Step
from ebpftrace.act.process.identity import Target
from ebpftrace.events import ProcessKey
from ebpftrace.ledger import Snapshot
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support import watches
from tests.support.conditions import condition
from tests.support.incidents import incident
from tests.support.scripted_action import ScriptedAction

S = NS_PER_SECOND


OLD = ProcessKey(4711, 100)


@dataclass
class LadderRig:
    """A ladder of these steps, its clock, and what it recorded."""

    steps: tuple[tuple[str, ScriptedAction], ...]
    dry_run: bool = False
    budget: Budget = field(default_factory=Budget)
    now_ns: int = 0
    spending: Spending = field(default_factory=Spending)
    records: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        about = incident(
            Target(OLD, "/ci/build-42", (0, 0)), job=watches.identity(), began_ns=0, time_ns=0,
            held_bytes=500 * MIB, job_held_bytes=500 * MIB,
        )  # fmt: skip
        policy = Policy(
            "p", Match(), (condition("builtin"),), Mode.ANY,
            tuple(Step(name, 5 * S, action) for name, action in self.steps),
            dry_run=self.dry_run,
        )  # fmt: skip
        actions = {name: replace(ACTIONS[name], start=self.start) for name, _ in self.steps}
        self.ladder = Ladder(
            about, policy, actions,
            allowance=Allowance(self.spending, about.job.accounts, self.budget, self.moment),
            record=self.records.append,
            clock=lambda: self.now_ns,
        )  # fmt: skip

    def start(self, about: Incident, action: ScriptedAction) -> Running:
        if action.refuses is not None:
            raise action.refuses
        action.about = about
        return action

    def moment(self) -> Moment:
        return Moment(self.now_ns, self.now_ns, "boot")

    @property
    def spent(self) -> int:
        """How often the budget was spent."""
        job, now = watches.identity().accounts, self.moment()
        return next(n for n in count() if not self.spending.refusal(job, Budget(n + 1), now))

    def poll(self, seconds: float) -> list[StepOutcome | Outcome]:
        self.now_ns = round(seconds * S)
        return [
            event for event in self.ladder.poll() if isinstance(event, StepOutcome | Outcome)
        ]

    def see(self, seconds: float, mib: int | None) -> list[StepOutcome | Outcome]:
        """A snapshot in which the target holds `mib`; None: it is gone."""
        self.now_ns = round(seconds * S)
        self.ladder.observe(snapshot(self.now_ns, mib))
        return self.poll(seconds)


def snapshot(now_ns: int, mib: int | None) -> Snapshot:
    there = () if mib is None else (replace(watches.process(resident=mib * MIB), key=OLD),)
    return watches.snapshot(watches.job(processes=there))._replace(monotonic_ns=now_ns)


def summary(events: Sequence[StepOutcome | Outcome]) -> list[str]:
    return [
        f"{event.action} {event.status.value}" if isinstance(event, StepOutcome)
        else f"helped {event.helped}"
        for event in events
    ]  # fmt: skip
