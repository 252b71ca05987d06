"""Bounds that the kernel can watch by itself, so that a breach is heard at the page it is.

A bound that is so many bytes away from what was just measured is a mark so many bytes
above what the kernel side counts: that holds for a level, for a share of the limit and
for a gain within a window alike. It is no more than a reason to look: others of the cgroup
may have given memory back since, and a window goes on. So at a breach the condition's own
detector judges fresh figures, and where it is not met the mark is set anew from them.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ebpftrace.act.afresh import alone, job_afresh, settled
from ebpftrace.act.policy import Condition, Mode
from ebpftrace.act.relief import held_bytes
from ebpftrace.act.triggers import Firing, More, Trigger
from ebpftrace.counters import CgroupContents
from ebpftrace.events import Breached, GroupReading, ProcessKey
from ebpftrace.judge import words
from ebpftrace.judge.finding import Finding, State, Subject
from ebpftrace.judge.judge import finding_of
from ebpftrace.judge.samples import Sample, Samples, of_job, of_process
from ebpftrace.judge.verdict import Detector, Verdict
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
class _Set:
    """One mark, and what it means."""

    mark: Mark
    trigger: Trigger
    condition: Condition
    detector: Detector
    samples: Samples
    subject: Subject
    seen: deque[Sample]  # since the last of `samples`: the snapshot's own, and fresh ones
    counted_bytes: int  # by the kernel side, at the last of them
    at_snapshot_bytes: int
    met: bool = False  # or nobody is left to meet it: not set again before the next snapshot

    @property
    def history(self) -> Samples:
        """All that is known by now."""
        return self.samples.with_later(self.seen)


class Marks:
    """Remembers what the marks of the last snapshot meant."""

    def __init__(self) -> None:
        self._sets: list[_Set] = []
        self._alone: frozenset[int] = frozenset()

    def of(self, triggers: Iterable[Trigger], snapshot: Snapshot) -> tuple[Mark, ...]:
        """The lowest mark of each process and each cgroup."""
        self._alone = alone(snapshot)
        self._sets = [
            one for trigger in triggers for one in _sets(trigger, snapshot, self._alone)
        ]
        return _lowest(self._sets)

    def firings(
        self,
        event: Breached,
        snapshot: Snapshot,
        reading: GroupReading,
        contents: CgroupContents | None,
    ) -> tuple[Firing, ...]:
        """Which policies a breach sets off, judged by a reading of after it.

        `contents` are the cgroup's, read then too; None where its files are not to be seen.
        """
        jobs = {job.identity.key: job for job in snapshot.jobs}
        firings = []
        for one in self._told_by(event):
            if one.met or event.held_bytes < one.mark.held_bytes:
                continue
            before = jobs[one.subject.job.key]
            on_its_own = event.cgroup_id in self._alone
            job = job_afresh(before, reading, contents, alone=on_its_own)
            process = next((it for it in job.processes if it.key == one.mark.process), None)
            if process is None and one.mark.process is not None:
                one.met = True  # it has ended, or moved: the next snapshot knows more
                continue
            verdict = _judged(one, job, process, reading, alone=on_its_own)
            if verdict is None:
                continue
            one.met = True
            finding = _finding(one, verdict, words.who(job, process), snapshot, reading)
            more = max(0, one.counted_bytes - one.at_snapshot_bytes)
            more_of = More(event.key, more, held_bytes(job))
            firings.append(Firing(one.trigger.policy, (finding,), more_of))
        return tuple(firings)

    def anew(self, event: Breached) -> tuple[Mark, ...]:
        """The mark to set after a breach: a mark is told once. None or one."""
        return _lowest(one for one in self._told_by(event) if not one.met)

    def _told_by(self, event: Breached) -> Iterator[_Set]:
        wanted = None if event.group else event.key
        for one in self._sets:
            if one.mark.process == wanted and one.mark.cgroup_id == event.cgroup_id:
                yield one


def _lowest(sets: Iterable[_Set]) -> tuple[Mark, ...]:
    lowest: dict[tuple[int, ProcessKey | None], Mark] = {}
    for mark in (one.mark for one in sets):
        key = (mark.cgroup_id, mark.process)
        if key not in lowest or mark.held_bytes < lowest[key].held_bytes:
            lowest[key] = mark
    return tuple(lowest.values())


def _sets(trigger: Trigger, snapshot: Snapshot, alone: frozenset[int]) -> Iterator[_Set]:
    policy = trigger.policy
    if policy.for_ns or (policy.mode is Mode.ALL and len(policy.when) > 1):
        return  # one crossing is not all that these ask for
    counted: dict[int, int] = {}
    for job in snapshot.jobs:
        cgroup_id = job.identity.cgroup_id
        counted[cgroup_id] = counted.get(cgroup_id, 0) + job.usage.held_bytes
    for condition, detector, history in trigger.histories():
        if condition.detector not in ("level", "growth"):
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
            away = bytes_away(condition, samples.with_later(seen))
            if away is not None and away > 0:  # else the snapshot itself says so
                mark = Mark(identity.cgroup_id, key, held + away)
                yield _Set(
                    mark, trigger, condition, detector, samples, subject, seen, held, held
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


def _judged(
    one: _Set,
    job: JobSnapshot,
    process: ProcessSnapshot | None,
    reading: GroupReading,
    *,
    alone: bool,
) -> Verdict | None:
    """What its detector says of the figures of now; where it says nothing, the next mark."""
    counted = reading.held_bytes if process is None else process.own.held_bytes
    fresh = _sample(job, process, reading.time_ns, alone)
    one.seen.append(settled(fresh, one.seen[-1], counted - one.counted_bytes))
    one.counted_bytes = counted
    history = one.history
    verdict = one.detector.verdict(history)
    if verdict is None:
        away = bytes_away(one.condition, history)
        if away is None:
            one.met = True  # its limit was taken away: there is no bound any more
        else:
            one.mark = replace(one.mark, held_bytes=counted + max(1, away))
    return verdict


def bytes_away(condition: Condition, samples: Samples) -> int | None:
    """How much more it takes until the bound is met; None where there is no such bound."""
    now = samples.now
    if condition.detector == "growth":
        _, lowest = samples.lowest(condition.window_ns)
        gain = condition.bound * (now.limit_bytes or 0) if condition.share else condition.bound
        return round(lowest + gain) - now.held_bytes if gain else None
    if not condition.share:
        return round(condition.bound) - now.held_bytes
    if not now.limit_bytes or now.used_share is None:
        return None
    return round((condition.bound - now.used_share) * now.limit_bytes)


def _finding(
    one: _Set, verdict: Verdict, who: str, snapshot: Snapshot, reading: GroupReading
) -> Finding:
    return finding_of(
        one.subject,
        one.detector.name,
        verdict,
        who,
        snapshot.time_ns + reading.time_ns - snapshot.monotonic_ns,
        reading.time_ns,
        State.BEGIN,
    )
