"""Whether a policy's conditions hold: `when`, `mode` and `for`, asked of each snapshot."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ebpftrace.act.policy.policy import Condition, Mode, Policy
from ebpftrace.events import ProcessKey
from ebpftrace.judge.detector import Detector
from ebpftrace.judge.finding import Finding, FindingState, Subject
from ebpftrace.judge.judge import Judge
from ebpftrace.judge.samples import Samples
from ebpftrace.ledger import Snapshot

History = Callable[[Subject], Samples | None]
Known = dict[Condition, list[Judge]]


@dataclass(frozen=True, slots=True)
class UsageSinceSnapshot:
    """What is held by now beyond the last snapshot, and who took it: told by the kernel.

    `size_bytes` is of those that were judged; `job_held_bytes` is all that the job holds now.
    """

    process: ProcessKey
    size_bytes: int
    job_held_bytes: int

    def of(self, process: ProcessKey) -> int:
        """How much of it is this process's."""
        return self.size_bytes if process == self.process else 0


@dataclass(frozen=True, slots=True)
class Firing:
    """A policy whose conditions hold for a job, and the findings that say so."""

    policy: Policy
    findings: tuple[Finding, ...]  # the most severe first
    more: UsageSinceSnapshot | None = None
    blown: bool = False  # a fuse stopped it: neither grace nor cool-down can wait
    lately: Mapping[ProcessKey, int] = field(default_factory=dict)  # gained before it blew

    @property
    def own(self) -> bool:
        """Whether the policy's own bounds say so, and not the built-in judgement."""
        return all(isinstance(condition.detector, Detector) for condition in self.policy.when)

    @property
    def finding(self) -> Finding:
        return self.findings[0]


class Trigger:
    """One policy's conditions, with the history that they are judged on."""

    def __init__(self, policy: Policy, known: Known | None = None) -> None:
        """`known` is what was remembered of conditions; what is used is taken out."""
        self.policy = policy
        self._judges: Sequence[Judge | None] = [
            _judge(condition, condition.detector, known or {})
            if isinstance(condition.detector, Detector)
            else None
            for condition in policy.when
        ]
        self._since: dict[str, int] = {}  # by job: since when they hold, CLOCK_MONOTONIC

    def histories(self) -> Iterator[tuple[Condition, Detector, History]]:
        """Each condition that has bounds of its own, and the history it is judged on."""
        for condition, judge in self.known:
            if isinstance(condition.detector, Detector):
                yield condition, condition.detector, judge.samples

    @property
    def known(self) -> Iterator[tuple[Condition, Judge]]:
        """Each condition with its own judge."""
        for condition, judge in zip(self.policy.when, self._judges, strict=True):
            if judge is not None:
                yield condition, judge

    def go_on(self, before: "Trigger") -> None:
        """With what holds already, where the same is asked as before."""
        mine, its = self.policy, before.policy
        if (mine.name, mine.when, mine.mode) == (its.name, its.when, its.mode):
            self._since = dict(before._since)

    def fire(self, snapshot: Snapshot, builtin: Iterable[Finding]) -> Iterator[Firing]:
        """For which jobs they hold now and have held for long enough."""
        holding = [
            self._by_job(condition, judge, snapshot, builtin)
            for condition, judge in zip(self.policy.when, self._judges, strict=True)
        ]
        jobs = {key for one in holding for key in one}
        if self.policy.mode is Mode.ALL:
            jobs = {key for key in jobs if all(key in one for one in holding)}
        now = snapshot.monotonic_ns
        self._since = {key: self._since.get(key, now) for key in jobs}
        for key in sorted(jobs):
            if now - self._since[key] >= self.policy.for_ns:
                found = [finding for one in holding for finding in one.get(key, ())]
                found.sort(key=lambda one: -one.severity)
                yield Firing(self.policy, tuple(found))

    def _by_job(
        self,
        condition: Condition,
        judge: Judge | None,
        snapshot: Snapshot,
        builtin: Iterable[Finding],
    ) -> dict[str, list[Finding]]:
        if judge is None:
            found: Iterable[Finding] = builtin
        else:
            judge.judge(snapshot)
            found = judge.active
        held: dict[str, list[Finding]] = {}
        for finding in found:
            # One that is active but was not met just now is only waiting for its end.
            met = finding.monotonic_ns >= snapshot.monotonic_ns
            of_process = finding.subject.process is not None
            wanted = judge is None or of_process == condition.per_process
            severe = (
                isinstance(condition.detector, Detector)
                or finding.severity >= condition.detector.least
            )
            if met and wanted and severe and finding.state is not FindingState.END:
                held.setdefault(finding.subject.job.key, []).append(finding)
        return held


def renewed(before: Iterable[Trigger], policies: Iterable[Policy]) -> list[Trigger]:
    """The triggers of policies that were read again: no condition forgets what it has seen."""
    known: Known = {}
    before = list(before)
    for trigger in before:
        for condition, judge in trigger.known:
            known.setdefault(condition, []).append(judge)
    triggers = [Trigger(policy, known) for policy in policies]
    for trigger in triggers:
        for old in before:
            trigger.go_on(old)
    return triggers


def _judge(condition: Condition, detector: Detector, known: Known) -> Judge:
    judges = known.get(condition)
    return judges.pop(0) if judges else Judge([detector], processes=condition.per_process)
