"""One bound of a policy on one job or process: its mark, and the history it is judged on."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ebpftrace.act.policy.policy import Mode, Policy
from ebpftrace.act.trigger.refresh import correct_stat_lag
from ebpftrace.act.trigger.trigger import Trigger
from ebpftrace.events import GroupReading, ProcessKey
from ebpftrace.judge import words
from ebpftrace.judge.detector import BytesToBound, Detector
from ebpftrace.judge.finding import Finding, FindingState, Subject
from ebpftrace.judge.judge import finding_of
from ebpftrace.judge.samples import Sample, Samples, of_job, of_process
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, Snapshot

_SEEN = 64
"""So many readings are remembered between two snapshots: a window's floor may be in them."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Of a process, or (`process` None) of the tracked processes of a cgroup. Bytes."""

    cgroup_id: int
    process: ProcessKey | None
    held_bytes: int


@dataclass(slots=True)
class MarkedBound:
    """One mark, and what it means."""

    mark: Mark
    policy: Policy
    detector: Detector
    bytes_to_bound: BytesToBound
    samples: Samples
    subject: Subject
    seen: deque[Sample]  # since the last of `samples`: the snapshot's own, and fresh ones
    counted_bytes: int  # by the kernel side, at the last of them
    at_snapshot_bytes: int
    met: bool = False  # or nobody is left to meet it: not set again before the next snapshot

    @property
    def more_bytes(self) -> int:
        """What was counted since the snapshot, never below 0."""
        return max(0, self.counted_bytes - self.at_snapshot_bytes)

    def judge(
        self, job: JobSnapshot, reading: GroupReading, *, time_ns: int, alone: bool
    ) -> Finding | None:
        """What its detector says of the job as it was read, at that Unix time.

        Where it says nothing the mark is where the bound is now.
        """
        process = next((one for one in job.processes if one.key == self.mark.process), None)
        if process is None and self.mark.process is not None:
            self.met = True  # it has ended, or moved: the next snapshot knows more
            return None
        counted = reading.held_bytes if process is None else process.own.held_bytes
        fresh = _sample(job, process, reading.time_ns, alone)
        self.seen.append(correct_stat_lag(fresh, self.seen[-1], counted - self.counted_bytes))
        self.counted_bytes = counted
        history = self.samples.with_later(self.seen)
        verdict = self.detector.verdict(history)
        if verdict is None:
            self._move(history)
            return None
        self.met = True
        return finding_of(
            self.subject,
            self.detector,
            verdict,
            words.label(job, process),
            time_ns,
            reading.time_ns,
            FindingState.BEGIN,
        )

    def _move(self, history: Samples) -> None:
        away = self.bytes_to_bound(history)
        if away is None:
            self.met = True  # its limit was taken away: there is no bound any more
        else:
            self.mark = replace(self.mark, held_bytes=self.counted_bytes + max(1, away))


def marked_bounds(
    trigger: Trigger, snapshot: Snapshot, alone: frozenset[int]
) -> Iterator[MarkedBound]:
    """Those of a policy that one crossing meets, and that the snapshot does not say are met.

    `alone` are the cgroups that serve one job, by id.
    """
    policy = trigger.policy
    if policy.for_ns or (policy.mode is Mode.ALL and len(policy.when) > 1):
        return  # one crossing is not all that these ask for
    counted: Counter[int] = Counter()  # by cgroup, whose sum is what the kernel side counts
    for job in snapshot.jobs:
        counted[job.identity.cgroup_id] += job.usage.held_bytes
    for condition, detector, history in trigger.histories():
        bytes_to_bound = detector.bytes_to_bound
        if bytes_to_bound is None:
            continue
        for job, process in _subjects(snapshot, per_process=condition.per_process):
            identity = job.identity
            now = _sample(job, process, snapshot.monotonic_ns, identity.cgroup_id in alone)
            subject, held, key = Subject(identity), counted[identity.cgroup_id], None
            if process is not None:
                subject = Subject(identity, process.key, process.comm)
                held, key = process.own.held_bytes, process.key
            samples = history(subject)
            if samples is None:
                continue  # nothing is known of it yet
            seen = deque([now], maxlen=_SEEN)
            away = bytes_to_bound(samples.with_later(seen))
            if away is not None and away > 0:  # else the snapshot itself says so
                mark = Mark(identity.cgroup_id, key, held + away)
                yield MarkedBound(
                    mark, policy, detector, bytes_to_bound, samples, subject, seen, held, held
                )


def _subjects(
    snapshot: Snapshot, *, per_process: bool
) -> Iterator[tuple[JobSnapshot, ProcessSnapshot | None]]:
    for job in snapshot.jobs:
        if not per_process:
            yield job, None
            continue
        for process in job.processes:
            yield job, process


def _sample(
    job: JobSnapshot, process: ProcessSnapshot | None, now_ns: int, alone: bool
) -> Sample:
    if process is None:
        return of_job(job, now_ns, alone=alone)
    return of_process(process, job, now_ns)
