"""Bounds that the kernel side watches, so that a breach is noticed at the page that makes it.

A bound that is N bytes above what the snapshot measured becomes a mark N bytes above what
the kernel side counts, for a level, a share of the limit and a gain within a window alike.
Crossing a mark is only a reason to look: meanwhile other processes may have freed memory,
and a window moves on. At a breach the condition's own detector therefore judges fresh
figures; if it finds nothing, the mark is moved.
"""

from collections.abc import Iterable, Iterator

from ebpftrace.act.trigger.marked_bound import Mark, MarkedBound, marked_bounds
from ebpftrace.act.trigger.refresh import refresh_job
from ebpftrace.act.trigger.trigger import Firing, Trigger, UsageSinceSnapshot
from ebpftrace.counters import CgroupContents
from ebpftrace.events import Breached, GroupReading, ProcessKey
from ebpftrace.ledger import Snapshot


class Marks:
    """The marks of the last snapshot, and the bounds they stand for."""

    def __init__(self) -> None:
        self._bounds: list[MarkedBound] = []

    def for_snapshot(self, triggers: Iterable[Trigger], snapshot: Snapshot) -> tuple[Mark, ...]:
        """The lowest mark of each process and each cgroup."""
        self._bounds = [
            bound for trigger in triggers for bound in marked_bounds(trigger, snapshot)
        ]
        return _lowest(self._bounds)

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
        jobs = {job.identity.key: job for job in snapshot.jobs}
        time_ns = snapshot.time_ns + reading.time_ns - snapshot.monotonic_ns
        firings = []
        for bound in self._marked_for(event):
            if bound.done or event.held_bytes < bound.mark.held_bytes:
                continue
            before = jobs[bound.subject.job.key]
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

    def _marked_for(self, event: Breached) -> Iterator[MarkedBound]:
        process = None if event.group else event.key
        for bound in self._bounds:
            if bound.mark.process == process and bound.mark.cgroup_id == event.cgroup_id:
                yield bound


def _lowest(bounds: Iterable[MarkedBound]) -> tuple[Mark, ...]:
    lowest: dict[tuple[int, ProcessKey | None], Mark] = {}
    for mark in (bound.mark for bound in bounds):
        key = (mark.cgroup_id, mark.process)
        if key not in lowest or mark.held_bytes < lowest[key].held_bytes:
            lowest[key] = mark
    return tuple(lowest.values())
