"""Evaluates a policy's conditions (`when`, `mode`, `for`) on each snapshot."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ebpftrace.act.policy.policy import Condition, Mode, Policy
from ebpftrace.events import ProcessKey
from ebpftrace.judge.detector import Detector
from ebpftrace.judge.finding import Finding, FindingState, Subject
from ebpftrace.judge.judge import Judge
from ebpftrace.judge.samples import Samples
from ebpftrace.ledger import JobSnapshot, Snapshot

History = Callable[[Subject], Samples | None]
Judges = dict[Condition, list[Judge]]


@dataclass(frozen=True, slots=True)
class UsageSinceSnapshot:
    """Memory gained since the last snapshot, as the kernel side counts it.

    `gained_bytes` is the gain of the job (or process) that was judged, and `process` the
    one whose page crossed the mark. `job_held_bytes` is what the whole job holds now, and
    `job` is the job as it was read now; None if not all its processes were.
    """

    process: ProcessKey
    gained_bytes: int
    job_held_bytes: int
    job: JobSnapshot | None = None

    def gained_by(self, process: ProcessKey) -> int:
        """The part of the gain that is attributed to `process`."""
        return self.gained_bytes if process == self.process else 0


@dataclass(frozen=True, slots=True)
class Firing:
    """A policy whose conditions hold for a job, with the findings that show it."""

    policy: Policy
    findings: tuple[Finding, ...]  # the most severe first
    since_snapshot: UsageSinceSnapshot | None = None
    by_fuse: bool = False  # a process is stopped: neither grace nor cool-down applies

    @property
    def has_own_bounds(self) -> bool:
        """Whether its finding is by a bound of the policy, not by the built-in judgement."""
        return self.by_fuse or all(
            isinstance(condition.detector, Detector) for condition in self.policy.when
        )

    @property
    def finding(self) -> Finding:
        """The most severe finding."""
        return self.findings[0]


class Trigger:
    """The conditions of one policy, with the history they are judged on."""

    def __init__(self, policy: Policy, judges: Judges | None = None) -> None:
        """Reuses judges, and with them their history, of equal conditions from `judges`."""
        self.policy = policy
        self._judges: Sequence[Judge | None] = [
            _take_judge(condition, condition.detector, judges or {})
            if isinstance(condition.detector, Detector)
            else None
            for condition in policy.when
        ]
        self._since: dict[str, int] = {}  # by job: when the conditions began to hold, monotonic

    def histories(self) -> Iterator[tuple[Condition, Detector, History]]:
        """Each condition with a bound of its own, its detector, and its history."""
        for condition, judge in self.judges:
            if isinstance(condition.detector, Detector):
                yield condition, condition.detector, judge.samples

    @property
    def judges(self) -> Iterator[tuple[Condition, Judge]]:
        """Each condition that has a judge of its own, with that judge."""
        for condition, judge in zip(self.policy.when, self._judges, strict=True):
            if judge is not None:
                yield condition, judge

    def continue_from(self, previous: "Trigger") -> None:
        """Keep since when the conditions hold, if `previous` has the same ones."""
        new, old = self.policy, previous.policy
        if (new.name, new.when, new.mode) == (old.name, old.when, old.mode):
            self._since = dict(previous._since)

    def fire(self, snapshot: Snapshot, builtin: Iterable[Finding]) -> Iterator[Firing]:
        """A firing for each job in which the conditions have held for the policy's `for`."""
        by_condition = [
            self._by_job(condition, judge, snapshot, builtin)
            for condition, judge in zip(self.policy.when, self._judges, strict=True)
        ]
        jobs = {job for findings in by_condition for job in findings}
        if self.policy.mode is Mode.ALL:
            jobs = {job for job in jobs if all(job in findings for findings in by_condition)}
        now = snapshot.monotonic_ns
        self._since = {job: self._since.get(job, now) for job in jobs}
        for job in sorted(jobs):
            if now - self._since[job] >= self.policy.for_ns:
                found = [it for findings in by_condition for it in findings.get(job, ())]
                found.sort(key=lambda finding: -finding.severity)
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
        by_job: dict[str, list[Finding]] = {}
        for finding in found:
            # A finding stays active for a while after its condition was last met.
            met = finding.monotonic_ns >= snapshot.monotonic_ns
            of_process = finding.subject.process is not None
            wanted = judge is None or of_process == condition.per_process
            severe = isinstance(condition.detector, Detector) or condition.detector.acts_on(
                finding
            )
            if met and wanted and severe and finding.state is not FindingState.END:
                by_job.setdefault(finding.subject.job.key, []).append(finding)
        return by_job


def reload_triggers(previous: Iterable[Trigger], policies: Iterable[Policy]) -> list[Trigger]:
    """Triggers for reloaded policies; conditions that did not change keep their history."""
    judges: Judges = {}
    previous = list(previous)
    for trigger in previous:
        for condition, judge in trigger.judges:
            judges.setdefault(condition, []).append(judge)
    triggers = [Trigger(policy, judges) for policy in policies]
    for trigger in triggers:
        for old in previous:
            trigger.continue_from(old)
    return triggers


def _take_judge(condition: Condition, detector: Detector, judges: Judges) -> Judge:
    known = judges.get(condition)
    return known.pop(0) if known else Judge([detector], processes=condition.per_process)
