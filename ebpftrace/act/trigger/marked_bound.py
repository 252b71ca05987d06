"""A bound of a policy on one job or process: its mark, and the history it is judged on."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ebpftrace.act.policy.policy import Mode, Policy
from ebpftrace.act.trigger.refresh import correct_stat_lag
from ebpftrace.act.trigger.trigger import Trigger
from ebpftrace.events import GroupReading, ProcessKey
from ebpftrace.judge.detector import BytesToBound, Detector
from ebpftrace.judge.finding import Finding, FindingState, Subject
from ebpftrace.judge.sample import Sample, of_job, of_process
from ebpftrace.judge.samples import Samples
from ebpftrace.judge.verdicts import finding_of, subject_words
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, Snapshot

_MAX_READINGS = 64
"""Readings kept between two snapshots: the floor of a window may be among them."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A level of held memory, in bytes.

    Of one process or, if `process` is None, of all tracked processes of a cgroup.
    """

    cgroup_id: int
    process: ProcessKey | None
    held_bytes: int


@dataclass(slots=True)
class MarkedBound:
    """A mark, and the bound it stands for."""

    mark: Mark
    policy: Policy
    detector: Detector
    bytes_to_bound: BytesToBound
    samples: Samples
    subject: Subject
    readings: deque[Sample]  # later than `samples`: the snapshot's own, then those at breaches
    counted_bytes: int  # by the kernel side, at the latest reading
    snapshot_bytes: int  # the same, at the snapshot
    done: bool = False  # met, or pointless: not set again before the next snapshot

    @property
    def gained_bytes(self) -> int:
        """The gain since the snapshot, never below 0."""
        return max(0, self.counted_bytes - self.snapshot_bytes)

    @property
    def away_bytes(self) -> int:
        """How far the mark is from what is held."""
        return self.mark.held_bytes - self.counted_bytes

    def halve(self) -> None:
        """Set the mark half way to the bound: it is moved to the bound once that is passed."""
        held = self.counted_bytes + max(1, self.away_bytes // 2)
        self.mark = replace(self.mark, held_bytes=held)

    def judge(self, job: JobSnapshot, reading: GroupReading, time_ns: int) -> Finding | None:
        """The finding for the job as it was read, if its bound is met; else move the mark.

        `time_ns` is the Unix time of the reading.
        """
        key = self.mark.process
        process = next((process for process in job.processes if process.key == key), None)
        if process is None and key is not None:
            self.done = True  # it has ended or moved: the next snapshot shows which
            return None
        counted = reading.held_bytes if process is None else process.own.held_bytes
        fresh = _sample(job, process, reading.time_ns)
        gained = counted - self.counted_bytes
        self.readings.append(correct_stat_lag(fresh, self.readings[-1], gained))
        self.counted_bytes = counted
        history = self.samples.with_later(self.readings)
        verdict = self.detector.verdict(history)
        if verdict is None:
            self._move(history)
            return None
        self.done = True
        label, end = subject_words(self.detector, verdict, job, process, reading.time_ns)
        return finding_of(
            self.subject,
            self.detector,
            verdict,
            label,
            time_ns,
            reading.time_ns,
            FindingState.BEGIN,
            end,
        )

    def _move(self, history: Samples) -> None:
        away = self.bytes_to_bound(history)
        if away is None:
            self.done = True  # the limit was removed, and with it the bound
        else:
            self.mark = replace(self.mark, held_bytes=self.counted_bytes + max(1, away))


def marked_bounds(trigger: Trigger, snapshot: Snapshot) -> Iterator[MarkedBound]:
    """The bounds of a policy that a single crossing meets and that are not met yet."""
    policy = trigger.policy
    if policy.for_ns or (policy.mode is Mode.ALL and len(policy.when) > 1):
        return  # a crossing alone does not meet the policy
    for condition, detector, history in trigger.histories():
        bytes_to_bound = detector.bytes_to_bound
        if bytes_to_bound is None:
            continue
        for job, process in _subjects(snapshot, per_process=condition.per_process):
            identity = job.identity
            now = _sample(job, process, snapshot.monotonic_ns)
            # The kernel side counts all tracked processes of the cgroup.
            subject, held, key = Subject(identity), job.group_usage.held_bytes, None
            if process is not None:
                subject = Subject(identity, process.key, process.comm)
                held, key = process.own.held_bytes, process.key
            samples = history(subject)
            if samples is None:
                continue  # no history yet
            readings = deque([now], maxlen=_MAX_READINGS)
            away = bytes_to_bound(samples.with_later(readings))
            if away is not None and away > 0:  # else the snapshot meets it already
                mark = Mark(identity.cgroup_id, key, held + away)
                yield MarkedBound(
                    mark,
                    policy,
                    detector,
                    bytes_to_bound,
                    samples,
                    subject,
                    readings,
                    held,
                    held,
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


def _sample(job: JobSnapshot, process: ProcessSnapshot | None, now_ns: int) -> Sample:
    if process is None:
        return of_job(job, now_ns)
    return of_process(process, job, now_ns)
