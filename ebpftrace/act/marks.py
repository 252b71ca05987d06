"""Bounds that the kernel can watch by itself, so that a breach is heard at the page it is.

A bound that is so many bytes away from what was just measured is a mark so many bytes
above what the kernel side counts: that holds for a level, for a share of the limit and
for a gain within a window alike, until the next snapshot sets the marks anew.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ebpftrace.act.policy import Condition, Mode
from ebpftrace.act.triggers import Firing, More, Trigger
from ebpftrace.events import Breached, ProcessKey
from ebpftrace.judge import words
from ebpftrace.judge.finding import Finding, Severity, Subject
from ebpftrace.judge.samples import Sample, Samples, of_job, of_process
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, Snapshot


@dataclass(frozen=True, slots=True)
class Mark:
    """Of a process, or (`process` None) of the tracked processes of a cgroup. Bytes."""

    cgroup_id: int
    process: ProcessKey | None
    held_bytes: int


@dataclass(frozen=True, slots=True)
class _Set:
    """One mark, and what it means."""

    mark: Mark
    trigger: Trigger
    condition: Condition
    samples: Samples
    subject: Subject
    who: str
    held_bytes: int  # as the snapshot has it


class Marks:
    """Remembers what the marks of the last snapshot meant."""

    def __init__(self) -> None:
        self._sets: list[_Set] = []

    def of(self, triggers: Iterable[Trigger], snapshot: Snapshot) -> tuple[Mark, ...]:
        """The lowest mark of each process and each cgroup."""
        self._sets = [one for trigger in triggers for one in _marks(trigger, snapshot)]
        lowest: dict[tuple[int, ProcessKey | None], Mark] = {}
        for one in self._sets:
            key = (one.mark.cgroup_id, one.mark.process)
            if key not in lowest or one.mark.held_bytes < lowest[key].held_bytes:
                lowest[key] = one.mark
        return tuple(lowest.values())

    def firings(self, event: Breached, snapshot: Snapshot) -> Iterator[Firing]:
        """Which policies a breach sets off."""
        wanted = None if event.group else event.key
        for one in self._sets:
            mark = one.mark
            if mark.process != wanted or event.held_bytes < mark.held_bytes:
                continue
            if mark.process is None and mark.cgroup_id != event.cgroup_id:
                continue
            more = max(0, event.held_bytes - one.held_bytes)
            yield Firing(
                one.trigger.policy, (_finding(one, event, snapshot),), More(event.key, more)
            )


def _marks(trigger: Trigger, snapshot: Snapshot) -> Iterator[_Set]:
    policy = trigger.policy
    if policy.for_ns or (policy.mode is Mode.ALL and len(policy.when) > 1):
        return  # one crossing is not all that these ask for
    for condition, history in trigger.histories():
        if condition.detector not in ("level", "growth"):
            continue
        for job in snapshot.jobs:
            if not condition.per_process:
                subject = Subject(job.identity)
                samples = history(subject)
                held, now = job.usage.held_bytes, of_job(job, snapshot.monotonic_ns)
                yield from _one(trigger, condition, samples, now, subject, job, None, held)
                continue
            for process in job.processes:
                subject = Subject(job.identity, process.key, process.comm)
                samples = history(subject)
                held = process.own.held_bytes
                now = of_process(process, job, snapshot.monotonic_ns)
                yield from _one(trigger, condition, samples, now, subject, job, process, held)


def _one(
    trigger: Trigger,
    condition: Condition,
    samples: Samples | None,
    now: Sample,
    subject: Subject,
    job: JobSnapshot,
    process: ProcessSnapshot | None,
    held_bytes: int,
) -> Iterator[_Set]:
    away = None if samples is None else bytes_away(condition, samples, now)
    if samples is None or away is None or away <= 0:
        return  # not known, or passed already: the snapshot itself says so
    key = None if process is None else process.key
    mark = Mark(job.identity.cgroup_id, key, held_bytes + away)
    yield _Set(mark, trigger, condition, samples, subject, words.who(job, process), held_bytes)


def bytes_away(condition: Condition, samples: Samples, now: Sample) -> int | None:
    """How much more it takes until the bound is met; None where there is no such bound.

    `now` is the snapshot's own sample: the history leaves out some that come close
    together, and a stale one would put the mark too high.
    """
    if condition.detector == "growth":
        _, lowest = samples.floor.step(now.time_ns - condition.window_ns)
        gain = condition.bound * (now.limit_bytes or 0) if condition.share else condition.bound
        return round(lowest + gain) - now.held_bytes if gain else None
    if not condition.share:
        return round(condition.bound) - now.held_bytes
    if not now.limit_bytes or now.used_share is None:
        return None
    return round((condition.bound - now.used_share) * now.limit_bytes)


def _finding(one: _Set, event: Breached, snapshot: Snapshot) -> Finding:
    """As the detector would say it at the next snapshot, of what the kernel counted."""
    condition, now = one.condition, one.samples.now
    limit, over = now.limit_bytes or 0, event.held_bytes - one.mark.held_bytes
    share = condition.share and condition.detector == "level"
    bound, measured, since = condition.bound, condition.bound + over, event.time_ns
    if condition.detector == "growth":
        since, _ = one.samples.floor.step(now.time_ns - condition.window_ns)
        bound = condition.bound * limit if condition.share else condition.bound
        measured = bound + over
        told = (
            f"gained {words.size(measured)} in {words.seconds((event.time_ns - since) / 1e9)} "
            f"(bound {words.size(bound)} in {words.seconds(condition.window_ns / 1e9)})"
        )
    elif share:
        measured = bound + over / max(1, limit)
        told = (
            f"holds {words.size(event.held_bytes)}, {words.share(measured)} of the limit of "
            f"{words.size(limit)} taken (bound {words.share(bound)})"
        )
    else:
        told = f"holds {words.size(event.held_bytes)} (bound {words.size(bound)})"
    return Finding(
        detector=condition.detector,
        subject=one.subject,
        severity=Severity.WARNING,
        measured=measured,
        bound=bound,
        unit="share" if share else "bytes",
        since_ns=since,
        time_ns=snapshot.time_ns + event.time_ns - snapshot.monotonic_ns,
        monotonic_ns=event.time_ns,
        seconds_to_limit=None,
        sentence=f"{one.who} {told}",
    )
