"""The incidents in progress: at most one a job, each on its ladder."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.audit.allowance import Allowance
from ebpftrace.act.audit.budget import Moment, Spending
from ebpftrace.act.audit.in_vain import InVain
from ebpftrace.act.audit.incident_shares import IncidentShares
from ebpftrace.act.audit.records import incident_record
from ebpftrace.act.breaker.descriptors import Descriptors
from ebpftrace.act.breaker.ladder import Ladder
from ebpftrace.act.breaker.target_ends import TargetEnds
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import BreakerEvent
from ebpftrace.act.incident.records import Record
from ebpftrace.act.policy.policy import Policy
from ebpftrace.events import ProcessKey
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge.finding import Finding, FindingState
from ebpftrace.ledger import Snapshot


class RunningIncidents:
    """Jobs are given by their key. `poll` when `fd` is readable, or at `deadline_ns`.

    `record` takes the lines of the audit log, `record_with_next` one that another follows
    at once; `clock` is CLOCK_MONOTONIC.
    """

    def __init__(
        self,
        actions: Mapping[str, Action[Any]],
        spending: Spending,
        *,
        in_vain: InVain,
        record: Callable[[Record], None],
        record_with_next: Callable[[Record], None],
        moment: Callable[[], Moment],
        clock: Callable[[], int],
    ) -> None:
        self._actions = actions
        self._spending = spending
        self._in_vain = in_vain
        self._record, self._record_with_next = record, record_with_next
        self._moment = moment
        self._clock = clock
        self._descriptors = Descriptors()
        self._shares = IncidentShares(clock)
        self._ladders: dict[str, Ladder] = {}
        self._findings: dict[str, Finding] = {}  # to end with the incident
        self._without_cooldown: set[str] = set()

    @property
    def fd(self) -> int:
        """An epoll descriptor: readable when an action has news."""
        return self._descriptors.fd

    @property
    def deadline_ns(self) -> int | None:
        """CLOCK_MONOTONIC; None: nothing is due."""
        deadlines = [ladder.deadline_ns for ladder in self._ladders.values()]
        return min((due for due in deadlines if due is not None), default=None)

    def refusal(self, job: JobIdentity) -> str:
        """Why no incident of this job may start now; "" if one may."""
        return self._shares.refusal(job)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._descriptors.closed

    def __contains__(self, job: str) -> bool:
        return job in self._ladders

    def __iter__(self) -> Iterator[Incident]:
        return (ladder.incident for ladder in self._ladders.values())

    def get(self, job: str) -> Incident | None:
        """The incident of a job, if one is running."""
        ladder = self._ladders.get(job)
        return None if ladder is None else ladder.incident

    def start(
        self, incident: Incident, policy: Policy, *, announce: bool, cools_down: bool = True
    ) -> list[BreakerEvent]:
        """Start an incident. `announce` its finding: the judge does not report it.

        `cools_down`: its end starts the cool-down of its job.
        """
        self._record_with_next(incident_record(incident))
        job, accounts = incident.job.key, incident.job.accounts
        self._shares.start(incident.job)
        self._ladders[job] = Ladder(
            incident,
            policy,
            self._actions,
            allowance=Allowance(self._spending, accounts, policy.budget, self._moment),
            record=self._record,
            clock=self._clock,
        )
        if not cools_down:
            self._without_cooldown.add(job)
        events: list[BreakerEvent] = []
        if announce:
            self._findings[job] = incident.finding
            events.append(incident.finding._replace(state=FindingState.BEGIN))
        return events + self.poll()

    def observe(self, snapshot: Snapshot) -> None:
        """Show the next snapshot to every ladder."""
        for ladder in self._ladders.values():
            ladder.observe(snapshot)

    def ends_of(self, process: ProcessKey) -> Iterator[TargetEnds]:
        """Where to report how a process ended: the incidents that it is a target of."""
        for ladder in self._ladders.values():
            if any(target.key == process for target in ladder.incident.targets):
                yield ladder.target_ends

    def poll(self) -> list[BreakerEvent]:
        """Every incident proceeds as far as it can without waiting."""
        events: list[BreakerEvent] = []
        for job, ladder in list(self._ladders.items()):
            events += ladder.poll()
            if ladder.over:
                events += self._remove(job)
            elif ladder.awaits_successor:
                self._shares.waits(job)
        self._listen()
        return events

    def abandon(self, job: str, reason: str, *, canceled: bool = False) -> list[BreakerEvent]:
        """End the incident of a job now; nothing if it has none."""
        if job not in self._ladders:
            return []
        events = [*self._ladders[job].abandon(reason, canceled=canceled), *self._remove(job)]
        self._listen()
        return events

    def awaits_successor(self, job: str) -> bool:
        """Whether the targets of a job's incident are gone, and only a successor is awaited."""
        return job in self._ladders and self._ladders[job].awaits_successor

    def kill_now(self, job: str, reason: str) -> list[BreakerEvent]:
        """Make SIGKILL the next step of a job's incident."""
        events: list[BreakerEvent] = []
        if job in self._ladders:
            events += self._ladders[job].kill_now(reason)
        return events + self.poll()

    def close(self, reason: str) -> list[BreakerEvent]:
        """End every incident. `fd` is closed after it."""
        events: list[BreakerEvent] = []
        for job in list(self._ladders):
            events += self.abandon(job, reason)
        self._descriptors.close()
        return events

    def _remove(self, job: str) -> Iterator[BreakerEvent]:
        """Start the cool-down, if there is one, and end the finding that was announced.

        All CI runs in the cgroup have the cool-down: each could be invented for the next.
        """
        ladder, now_ns = self._ladders.pop(job), self._clock()
        incident = ladder.incident
        self._shares.end(job)
        if ladder.in_vain:
            self._in_vain.add(incident)
        if job not in self._without_cooldown:
            for account in incident.job.accounts:
                self._spending.start_cooldown(account, self._moment())
        self._without_cooldown.discard(job)
        finding = self._findings.pop(job, None)
        if finding is not None:
            yield finding._replace(
                state=FindingState.END,
                time_ns=incident.unix_ns(now_ns),
                monotonic_ns=now_ns,
                sentence=f"{incident.target_name}: the incident ended",
            )

    def _listen(self) -> None:
        """Wait for the descriptors of the actions that run now."""
        self._descriptors.listen(fd for ladder in self._ladders.values() for fd in ladder.fds)
