"""What becomes of each event: the books have it, or who acts, or nobody."""

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from ebpftrace.engine.breach_poller import BreachPoller
from ebpftrace.engine.breaker_driver import BreakerDriver
from ebpftrace.engine.cgroup_files import CgroupFiles
from ebpftrace.engine.process_filter import ProcessFilter
from ebpftrace.engine.scheduler import SnapshotScheduler
from ebpftrace.events import (
    Breached,
    CgroupGone,
    CgroupMade,
    CgroupRead,
    Event,
    FuseBlown,
    LossesRead,
    OomKilled,
    ProcessExited,
    ProcessKey,
    ProcessMoved,
    ProcessRead,
    ProcessRenamed,
    ProcessStarted,
)
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.jobs import JobResolver
from ebpftrace.ledger import Ledger
from ebpftrace.probe import Probe, Selection


class EventDispatcher:
    """Events in the order they came, each with what user space adds to it.

    `groups` are the cgroups that were named, `looks` hears of who is new. `hearing` is for
    who is busy with something else than events.
    """

    def __init__(
        self,
        selection: Selection,
        probe: Probe,
        ledger: Ledger,
        acting: BreakerDriver | None,
        looks: SnapshotScheduler,
        paths: CgroupPaths,
        files: CgroupFiles,
        groups: Iterable[int],
    ) -> None:
        self._selection = selection
        self._probe = probe
        self._ledger = ledger
        self._acting = acting
        self._looks = looks
        self._paths = paths
        self._files = files
        self._groups = set(groups)  # those there were at the start and still are
        self._resolver = JobResolver(paths)
        self._queue: deque[Event] = deque()
        self.tracked = ProcessFilter(selection)
        self.hearing = BreachPoller(probe, acting, self._queue)

    def take(self, events: Iterable[Event] = ()) -> None:
        """These, after what was heard in between."""
        self._queue.extend(events)
        while self._queue:
            self.hearing.between()
            event = self._queue.popleft()
            if isinstance(event, Breached):
                if self._acting is not None:
                    self._acting.breached(event)
            elif isinstance(event, FuseBlown):
                if self._acting is not None:
                    self._acting.blown(event, self._ledger.who(event.key))
            elif isinstance(event, ProcessStarted):
                self._start(event)
            else:
                self._book(event)

    def emptied(self) -> str:
        """Whether nothing can come any more: all of what was named is gone."""
        if self._selection.pids and not len(self.tracked):
            return "every process that was named has ended"
        if self._selection.cgroups and not self._groups:
            return "every cgroup that was named is gone"
        return ""

    def _executed_since(self, key: ProcessKey) -> bool:
        """Whether a process has become another program by now, as far as the kernel told."""
        self._queue.extend(self._probe.events())
        return any(
            isinstance(event, ProcessExited) and event.executed and event.key == key
            for event in self._queue
        )

    def _start(self, event: ProcessStarted) -> None:
        accepted = self.tracked.accept(event, self._executed_since)
        if accepted is None:
            self._probe.drop(event)
            return
        if self._acting is not None:
            self._looks.started(time.monotonic_ns())
        identity = self._resolver.resolve(event.key.pid, event.cgroup_id, event.parent_pid)
        self._ledger.apply(accepted, identity)

    def _book(self, event: Event) -> None:
        ledger, tracked = self._ledger, self.tracked
        if isinstance(event, ProcessMoved):
            if tracked.has(event.key):
                ledger.apply(event, self._resolver.resolve(event.key.pid, event.cgroup_id))
        elif isinstance(event, OomKilled):
            ledger.apply(event, self._resolver.resolve(event.key.pid, event.cgroup_id))
        elif isinstance(event, ProcessExited):
            if self._acting is not None:
                self._acting.ended(event)
            if tracked.has(event.key):
                ledger.apply(event)
                tracked.forget(event)
        elif isinstance(event, ProcessRead | ProcessRenamed):
            if tracked.has(event.key):
                ledger.apply(event)
        elif isinstance(event, CgroupRead):
            ledger.apply(self._files.complete(event))
        elif isinstance(event, LossesRead):
            ledger.apply(self._with_unidentified(event))
        else:
            if isinstance(event, CgroupMade | CgroupGone):
                self._paths.learn(event.cgroup_id, event.path)
            if isinstance(event, CgroupGone):
                self._groups.discard(event.cgroup_id)
            ledger.apply(event)

    def _with_unidentified(self, event: LossesRead) -> LossesRead:
        """The event with what only user space could tell, and could not."""
        count = self.tracked.unidentified
        return (
            replace(event, counts={**event.counts, "unidentified": count}) if count else event
        )
