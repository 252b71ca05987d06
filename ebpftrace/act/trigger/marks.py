"""Bounds that the kernel side watches, so that a breach is noticed at the page that makes it.

A bound that is N bytes above what the snapshot measured becomes a mark N bytes above what
the kernel side counts, for a level, a share of the limit and a gain within a window alike.
Crossing a mark is only a reason to look: meanwhile other processes may have freed memory,
and a window moves on. At a breach the condition's own detector therefore judges fresh
figures; if it finds nothing, the mark is moved.

The nearest bounds have their first mark half way. What is read and judged there is all that a
breach needs, so at the breach it is in the caches of the processor, and the process was looked
at already (`act/process/ready.py`): where memory grows fast, the hook comes sooner.
"""

import heapq
from collections.abc import Iterable, Sequence
from operator import attrgetter

from ebpftrace.act.trigger.marked_bound import Mark, MarkedBound, marked_bounds
from ebpftrace.act.trigger.refresh import refresh_job
from ebpftrace.act.trigger.trigger import Firing, Trigger, UsageSinceSnapshot
from ebpftrace.counters import CgroupContents
from ebpftrace.events import Breached, GroupReading, ProcessKey
from ebpftrace.ledger import Snapshot

HALVED = 16
"""Bounds whose first mark is half way. Each costs a look at its cgroup, once a snapshot."""


class Marks:
    """The marks of the last snapshot, and the bounds they stand for.

    The first marks of so many bounds, the nearest, are `halved`.
    """

    def __init__(self, halved: int = 0) -> None:
        self._halved = halved
        self._bounds: dict[tuple[int, ProcessKey | None], list[MarkedBound]] = {}

    def for_snapshot(self, triggers: Iterable[Trigger], snapshot: Snapshot) -> tuple[Mark, ...]:
        """The lowest mark of each process and each cgroup."""
        bounds = [bound for trigger in triggers for bound in marked_bounds(trigger, snapshot)]
        for bound in heapq.nsmallest(self._halved, bounds, key=attrgetter("away_bytes")):
            bound.halve()
        self._bounds = {}
        for bound in bounds:
            subject = bound.mark.cgroup_id, bound.mark.process
            self._bounds.setdefault(subject, []).append(bound)
        return _lowest(bounds)

    def firings(
        self,
        event: Breached,
        snapshot: Snapshot,
        reading: GroupReading,
        contents: CgroupContents | None,
    ) -> tuple[Firing, ...]:
        """The policies that a breach triggers, judged on a `reading` taken after it.

        `contents` is the cgroup's memory.stat, read after it too; None if not visible.
        """
        time_ns = snapshot.time_ns + reading.time_ns - snapshot.monotonic_ns
        firings = []
        for bound in self._marked_for(event):
            if bound.done or event.held_bytes < bound.mark.held_bytes:
                continue
            key = bound.subject.job.key
            before = next(job for job in snapshot.jobs if job.identity.key == key)
            job = refresh_job(before, reading, contents)
            finding = bound.judge(job, reading, time_ns)
            if finding is not None:
                gained = UsageSinceSnapshot(
                    event.key, bound.gained_bytes, job.held_bytes,
                    None if reading.partial else job,
                )  # fmt: skip
                firings.append(Firing(bound.policy, (finding,), gained))
        return tuple(firings)

    def after_breach(self, event: Breached) -> tuple[Mark, ...]:
        """The next mark, at most one: the kernel side reports a mark only once."""
        return _lowest(bound for bound in self._marked_for(event) if not bound.done)

    def _marked_for(self, event: Breached) -> Sequence[MarkedBound]:
        process = None if event.group else event.key
        return self._bounds.get((event.cgroup_id, process), ())


def _lowest(bounds: Iterable[MarkedBound]) -> tuple[Mark, ...]:
    lowest: dict[tuple[int, ProcessKey | None], Mark] = {}
    for mark in (bound.mark for bound in bounds):
        key = (mark.cgroup_id, mark.process)
        if key not in lowest or mark.held_bytes < lowest[key].held_bytes:
            lowest[key] = mark
    return tuple(lowest.values())
