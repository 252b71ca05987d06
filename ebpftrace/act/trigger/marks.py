"""Bounds that the kernel can watch by itself, so that a breach is heard at the page it is.

A bound that is so many bytes away from what was just measured is a mark so many bytes
above what the kernel side counts: that holds for a level, for a share of the limit and
for a gain within a window alike. It is no more than a reason to look: others of the cgroup
may have given memory back since, and a window goes on. So at a breach the condition's own
detector judges fresh figures, and where it is not met the mark is set anew from them.
"""

from collections.abc import Iterable, Iterator

from ebpftrace.act.trigger.marked_bound import Mark, MarkedBound, marked_bounds
from ebpftrace.act.trigger.refresh import alone, refresh_job
from ebpftrace.act.trigger.trigger import Firing, Trigger, UsageSinceSnapshot
from ebpftrace.counters import CgroupContents
from ebpftrace.events import Breached, GroupReading, ProcessKey
from ebpftrace.ledger import Snapshot
from ebpftrace.ledger.held import held_bytes


class Marks:
    """Remembers what the marks of the last snapshot meant."""

    def __init__(self) -> None:
        self._bounds: list[MarkedBound] = []
        self._alone: frozenset[int] = frozenset()

    def of(self, triggers: Iterable[Trigger], snapshot: Snapshot) -> tuple[Mark, ...]:
        """The lowest mark of each process and each cgroup."""
        self._alone = alone(snapshot)
        self._bounds = [
            one for trigger in triggers for one in marked_bounds(trigger, snapshot, self._alone)
        ]
        return _lowest(self._bounds)

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
        on_its_own = event.cgroup_id in self._alone
        time_ns = snapshot.time_ns + reading.time_ns - snapshot.monotonic_ns
        firings = []
        for one in self._told_by(event):
            if one.met or event.held_bytes < one.mark.held_bytes:
                continue
            before = jobs[one.subject.job.key]
            job = refresh_job(before, reading, contents, alone=on_its_own)
            finding = one.judge(job, reading, time_ns=time_ns, alone=on_its_own)
            if finding is not None:
                more = UsageSinceSnapshot(event.key, one.more_bytes, held_bytes(job))
                firings.append(Firing(one.policy, (finding,), more))
        return tuple(firings)

    def anew(self, event: Breached) -> tuple[Mark, ...]:
        """The mark to set after a breach: a mark is told once. None or one."""
        return _lowest(one for one in self._told_by(event) if not one.met)

    def _told_by(self, event: Breached) -> Iterator[MarkedBound]:
        wanted = None if event.group else event.key
        for one in self._bounds:
            if one.mark.process == wanted and one.mark.cgroup_id == event.cgroup_id:
                yield one


def _lowest(bounds: Iterable[MarkedBound]) -> tuple[Mark, ...]:
    lowest: dict[tuple[int, ProcessKey | None], Mark] = {}
    for mark in (one.mark for one in bounds):
        key = (mark.cgroup_id, mark.process)
        if key not in lowest or mark.held_bytes < lowest[key].held_bytes:
            lowest[key] = mark
    return tuple(lowest.values())
