"""Passes each event on: to the ledger, to the breaker, or to neither."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ebpftrace.descriptors import exhausted
from ebpftrace.engine.breach_poller import BreachPoller
from ebpftrace.engine.cgroups.files import CgroupFiles
from ebpftrace.engine.cgroups.unchanged import UnchangedCgroups
from ebpftrace.engine.names.wrapped import WrappedPrograms
from ebpftrace.engine.process_filter import READER, ProcessFilter
from ebpftrace.engine.scheduler import SnapshotScheduler
from ebpftrace.events import (
    RESOLVED,
    Breached,
    CgroupGone,
    CgroupMade,
    CgroupRead,
    Event,
    FuseBlown,
    LossesRead,
    ProcessExited,
    ProcessMoved,
    ProcessRead,
    ProcessRenamed,
    ProcessStarted,
    QuotaReached,
)
from ebpftrace.heap import DEFAULT_LEAST_BYTES, MemoryBound
from ebpftrace.host.bounded import timeouts
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.jobs import JobResolver
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger import Ledger
from ebpftrace.ledger.register import MOST_RUNS
from ebpftrace.probe import Probe, Selection

if TYPE_CHECKING:
    from ebpftrace.engine.breaker_driver import BreakerDriver

_PATIENCE_NS = 300_000_000
"""How long after a signal to end starts and moves are still completed from /proc."""


class EventDispatcher:
    """Handles events in their order, each completed with what only user space can read.

    `groups` are the ids of the selected cgroups. With a breaker, `scheduler` learns of each
    process that starts. `breach_poller` is for code that keeps the queue waiting.
    """

    def __init__(
        self,
        selection: Selection,
        probe: Probe,
        ledger: Ledger,
        breaker: "BreakerDriver | None",
        scheduler: SnapshotScheduler,
        paths: CgroupPaths,
        files: CgroupFiles,
        groups: Iterable[int],
        clock: Callable[[], int],
        lost_history: Callable[[], int] = lambda: 0,
        is_stopping: Callable[[], bool] = lambda: False,
        memory: MemoryBound | None = None,
        pod_name: Callable[[str], str] | None = None,
    ) -> None:
        self._selection = selection
        self._probe = probe
        self._ledger = ledger
        self._breaker = breaker
        self._scheduler = scheduler
        self._paths = paths
        self._files = files
        self._unchanged = UnchangedCgroups(files, ledger.runs_in)
        self._groups = set(groups)  # those that still exist
        self._clock = clock
        self._lost_history = lost_history
        self._is_stopping = is_stopping
        self._memory = memory or MemoryBound(DEFAULT_LEAST_BYTES)
        self._stopping_ns: int | None = None  # since when
        self._timeouts_before = timeouts() + READER.timeouts
        self._exhausted_before = exhausted()
        self._resolver = JobResolver(paths, pod_name=pod_name)
        self._runs_refused = 0
        self._remarks: list[str] = []
        self._queue: deque[Event] = deque()
        self._quotas: list[tuple[QuotaReached, JobIdentity]] = []
        self.tracked = ProcessFilter(selection)
        self._wrapped = WrappedPrograms(selection)
        self.breach_poller = BreachPoller(probe, breaker, self._queue, clock)

    def dispatch(self, events: Iterable[Event] = ()) -> None:
        """Handle these events, after those that are queued."""
        self._queue.extend(events)
        del events  # each is freed once it was handled: there may be tens of thousands
        while self._queue:
            self.breach_poller.before_event()
            event = self._queue.popleft()
            if isinstance(event, Breached):
                if self._breaker is not None:
                    self._breaker.handle_breach(event)
            elif isinstance(event, FuseBlown):
                if self._breaker is not None:
                    self._breaker.handle_fuse(event, self._ledger.process(event.tracked))
            elif isinstance(event, ProcessStarted | ProcessMoved) and self.is_late:
                continue  # a flood of them would put off the end of the watch
            elif isinstance(event, ProcessStarted):
                self._start(event)
            else:
                self._apply(event)

    def reread(self, now_ns: int) -> None:
        """Read the files of cgroups of which nothing was reported; once a reading."""
        self.dispatch(self._unchanged.due(now_ns))

    @property
    def is_late(self) -> bool:
        """Whether the watch was to end a while ago, and still has not."""
        if not self._is_stopping():
            return False
        if self._stopping_ns is None:
            self._stopping_ns = self._clock()
        return self._clock() - self._stopping_ns >= _PATIENCE_NS

    def take_remarks(self) -> list[str]:
        """What the user should know of processes and jobs, each fact once."""
        remarks, self._remarks = self._remarks + self._memory.take_remarks(), []
        return [*self.tracked.take_remarks(), *self._wrapped.take_remarks(), *remarks]

    def take_quotas(self) -> list[tuple[QuotaReached, JobIdentity]]:
        """The cgroups that reached a quota since the last call, each with its job."""
        reached, self._quotas = self._quotas, []
        return reached

    def look_around(self) -> None:
        """Look for programs that a watched name should have matched; once a reading.

        And decide about the processes that could not be decided about when they started.
        """
        self._wrapped.look()
        for event in self.tracked.undecided.take():
            self._start(event)

    def end_reason(self) -> str:
        """Why no event can come any more; "" if one can."""
        if self._selection.pids and not len(self.tracked):
            return "every named process has ended"
        if self._selection.cgroups and not self._groups:
            return "every named cgroup is gone"
        return ""

    def _start(self, event: ProcessStarted) -> None:
        if not self._memory.admits(len(self.tracked)):
            self._probe.drop(event)
            return
        accepted = self.tracked.accept(event, self._probe.is_unchanged)
        if accepted is None:
            if event.key not in self.tracked.undecided:
                self._probe.drop(event)
            elif self._breaker is not None:
                self._scheduler.process_started(self._clock())
            return
        if self._breaker is not None:
            self._scheduler.process_started(self._clock())
            self._breaker.handle_start(event)
        self._wrapped.started(accepted)
        identity = self._identify(event.key.pid, event.cgroup_id, event.parent_pid)
        self._ledger.apply(accepted, identity)

    def _identify(self, pid: int, cgroup_id: int, parent_pid: int = 0) -> JobIdentity:
        """The job of a process: its cgroup, where that has more CI runs than are kept."""
        identity = self._resolver.resolve(pid, cgroup_id, parent_pid)
        if self._ledger.admits(identity):
            return identity
        self._runs_refused += 1
        if self._runs_refused == 1:
            self._remarks.append(
                f"cgroup {identity.cgroup or cgroup_id} has more than {MOST_RUNS} CI runs at a "
                "time, as its processes say: further ones are counted as the cgroup itself"
            )
        return self._resolver.resolve(pid, cgroup_id, parent_pid, by_run=False)

    def _apply(self, event: Event) -> None:
        ledger, tracked = self._ledger, self.tracked
        if isinstance(event, ProcessMoved):
            tracked.undecided.move(event)
            if tracked.has(event.key):
                ledger.apply(event, self._identify(event.key.pid, event.cgroup_id))
        elif isinstance(event, RESOLVED):
            event = self._files.name_limit(event)
            if self._breaker is not None:
                self._breaker.handle_oom_kill(event)
            ledger.apply(event, self._identify(event.key.pid, event.cgroup_id))
        elif isinstance(event, ProcessExited):
            if self._breaker is not None:
                self._breaker.handle_exit(event)
            if tracked.has(event.key):
                ledger.apply(event)
                if event.executed:
                    self._wrapped.executed(event.key.pid)
            tracked.forget(event)
        elif isinstance(event, ProcessRead | ProcessRenamed):
            if tracked.has(event.key):
                ledger.apply(event)
        elif isinstance(event, CgroupRead):
            ledger.apply(self._unchanged.complete(event))
        elif isinstance(event, QuotaReached):
            job = ledger.job_in(event.cgroup_id) or self._resolver.of_cgroup(event.cgroup_id)
            self._quotas.append((event, job))
        elif isinstance(event, LossesRead):
            ledger.apply(self._with_own(event))
        else:
            if isinstance(event, CgroupMade | CgroupGone):
                if event.path:
                    self._paths.learn(event.cgroup_id, event.path)
                else:  # looked up while there is one
                    self._paths.path(event.cgroup_id)
            if isinstance(event, CgroupGone):
                self._groups.discard(event.cgroup_id)
                self._unchanged.forget(event.cgroup_id)
            ledger.apply(event)

    def _with_own(self, event: LossesRead) -> LossesRead:
        """The losses with those that happened here, not in the kernel."""
        own = {
            "unidentified": self.tracked.unidentified,
            "descriptors": exhausted() - self._exhausted_before,
            "proc_timeouts": timeouts() + READER.timeouts - self._timeouts_before,
            "history": self._lost_history(),
            "runs_full": self._runs_refused,
            "memory": self._memory.refused,
        }
        found = {cause: count for cause, count in own.items() if count}
        return event._replace(counts={**event.counts, **found}) if found else event
