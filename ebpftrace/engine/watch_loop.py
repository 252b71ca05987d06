"""The loop of a watch: what happens at a tick, between two ticks, and at the end."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ebpftrace import heap
from ebpftrace.engine.cgroups.files import CgroupFiles
from ebpftrace.engine.cost import CostMeter
from ebpftrace.engine.dispatcher import EventDispatcher
from ebpftrace.engine.judging import Judging
from ebpftrace.engine.names.remarks import name_remarks
from ebpftrace.engine.request import WatchRequest
from ebpftrace.engine.scheduler import SnapshotScheduler
from ebpftrace.engine.waiting.clock import TimeSource
from ebpftrace.engine.waiting.waiter import Waiter, WakeReason
from ebpftrace.host import meminfo
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.ledger import Ledger, Node
from ebpftrace.ledger.clock import Clock
from ebpftrace.probe import Probe
from ebpftrace.views import View
from ebpftrace.views.start import Remark, RemarkKind

if TYPE_CHECKING:
    from ebpftrace.engine.breaker_driver import BreakerDriver
    from ebpftrace.engine.delays import DelayReader
    from ebpftrace.engine.near_limit import NearLimit
    from ebpftrace.engine.pressure import PressureListener
    from ebpftrace.engine.recording.recorder import HistoryRecorder

_PATIENCE_NS = 300_000_000
"""How long the end of the watch waits until all is handled that happened before."""


class WatchLoop:
    """Applies events to the ledger, and gives its snapshots to view, judge and breaker."""

    def __init__(
        self,
        request: WatchRequest,
        probe: Probe,
        paths: CgroupPaths,
        view: View,
        groups: tuple[int, ...],
        delays: "DelayReader | None",
        breaker: "BreakerDriver | None",
        pressure: "PressureListener | None",
        waiter: Waiter,
        time: TimeSource,
        calendar: Clock,
        recorder: "HistoryRecorder | None" = None,
    ) -> None:
        self._request = request
        self._breaker, self._pressure = breaker, pressure
        self._probe, self._view, self._paths = probe, view, paths
        self._delays, self._waiter = delays, waiter
        self._clock, self._calendar = time.monotonic_ns, calendar
        self._began_ns = self._clock()
        self._ledger = Ledger(
            calendar, watching=request.selection.in_words, began_ns=self._began_ns
        )
        self._scheduler = SnapshotScheduler()
        self._cost = CostMeter(probe, self._clock)
        self._files = CgroupFiles(paths, pressure=pressure is not None)
        bound = request.max_memory_bytes or heap.DEFAULT_LEAST_BYTES
        self._memory = heap.MemoryBound(bound, self._shed, self._cost.resident_bytes)
        self._dispatcher = EventDispatcher(
            request.selection, probe, self._ledger, breaker, self._scheduler, paths,
            self._files, groups, self._clock,
            lambda: 0 if recorder is None else recorder.lost,
            lambda: waiter.is_stopping, self._memory, request.pod_name,
        )  # fmt: skip
        self._dispatcher.breach_poller.report = self._report_notes
        self._near = None if breaker is None else _near_limit(probe, self._files, self._clock)
        self._judging = Judging(recorder)

    def run(self, all_is_imported: Callable[[], object] = lambda: None) -> None:
        """Until the watch ends; raises what `watch` raises.

        `all_is_imported` is called when the first snapshot is shown and judged.
        """
        request = self._request
        due = self._began_ns
        end = None if request.duration_ns is None else due + request.duration_ns
        self._tick(due)
        all_is_imported()
        heap.trim()  # thousands may have been found at once
        reason = "one reading" if request.once else ""
        while not reason:
            due = max(due + request.interval_ns, self._clock())
            reason = self._dispatcher.end_reason() or self._run_until(min(due, end or due))
            if not reason and end is not None and self._clock() >= end:
                reason = "the duration has elapsed"
            if not reason:
                self._tick(due)
        self._finish(reason)

    def _run_until(self, due: int) -> str:
        """Handle what happens until then; why the watch ends, or ""."""
        while True:
            reason = self._waiter.wait(self._next_ns(due) - self._clock())
            if reason is WakeReason.STOP:
                by = self._waiter.stopped_by
                return f"interrupted by {by.name if by else 'signal'}"
            if reason is WakeReason.QUIT:
                return "q was pressed"
            if reason is WakeReason.READER_LEFT:
                raise BrokenPipeError
            if reason is WakeReason.KERNEL:
                self._dispatcher.breach_poller.breaches()
                self._dispatcher.dispatch(self._probe.events())
                self._report_notes()
            if self._breaker is not None:
                self._drive(self._breaker, reason)
            elif reason is WakeReason.RELOAD:
                self._remark(("there are no policies to reload",), RemarkKind.RELOADED)
            if pressed := self._waiter.take_pressed():
                self._handle_pressure(pressed)
            if self._clock() >= due:  # also where the kernel never stops reporting
                return ""

    def _next_ns(self, due: int) -> int:
        next_ns = due if self._breaker is None else self._breaker.due_ns(due)
        near_ns = None if self._near is None else self._near.due_ns
        return min(it for it in (next_ns, self._scheduler.due_ns, near_ns) if it is not None)

    def _drive(self, breaker: "BreakerDriver", reason: WakeReason) -> None:
        """Whatever woke us, let actions take their next steps, and read if that is due."""
        if reason is WakeReason.RELOAD:
            breaker.reload()
            self._remark(name_remarks(self._request))
        elif reason is WakeReason.COMMAND:
            for command in self._waiter.commands():
                breaker.execute(command)
        breaker.poll()
        if breaker.needs_snapshot and self._scheduler.hurries(self._clock()):
            self._tick(self._clock())
        elif self._scheduler.is_due(self._clock()):
            self._read_for(breaker)
        elif self._near is not None and self._near.is_due and self._near.crossed():
            self._tick(self._clock())

    def _handle_pressure(self, pressed: set[int]) -> None:
        """Tasks wait for memory: reported now, not with the next snapshot."""
        assert self._pressure is not None
        self._dispatcher.dispatch(self._pressure.pressed(pressed))
        self._report_notes()

    def _catch_up(self) -> None:
        """Handle what has happened already, unless there is no end of it."""
        until_ns = self._clock() + _PATIENCE_NS
        while not (
            self._probe.caught_up or self._dispatcher.is_late or self._clock() >= until_ns
        ):
            self._dispatcher.dispatch(self._probe.events())
            self._report_notes()

    def _read(self, now_ns: int) -> None:
        self._dispatcher.dispatch(self._probe.read(now_ns))
        self._dispatcher.reread(now_ns)
        if self._delays is not None:
            self._dispatcher.dispatch(self._delays.read(now_ns, self._dispatcher.tracked))
        if not self._dispatcher.is_late:
            self._dispatcher.look_around()
        self._report_notes()

    def _tick(self, due_ns: int) -> None:
        now = self._clock()
        breaches = self._dispatcher.breach_poller
        self._read(now)
        cost = self._cost.read(lag_ns=max(0, now - due_ns))
        self._memory.look(cost.rss_bytes, len(self._dispatcher.tracked))
        unix_ns = self._calendar.unix_ns(now)
        snapshot = self._ledger.snapshot(now, unix_ns, cost=cost, node=_node())
        breaches.poll()
        self._view.snapshot(snapshot)
        breaches.poll()
        if self._pressure is not None:
            self._pressure.follow(
                (job.identity.cgroup_id, self._files.folder(job.identity.cgroup_id))
                for job in snapshot.jobs
                if job.processes
            )
        for finding in self._judging.of_snapshot(snapshot, self._dispatcher.take_quotas()):
            self._view.finding(finding)
        breaches.poll()
        if self._breaker is not None:
            self._breaker.handle_snapshot(self._judging.active, snapshot)
        self._dispatcher.dispatch()  # what the poller queued
        self._report_notes()
        self._scheduler.taken(now, self._clock(), self._sample_again_ns)
        if self._near is not None:
            self._near.follow(snapshot, now)

    def _read_for(self, breaker: "BreakerDriver") -> None:
        """A snapshot for the breaker alone: the view gets one each interval."""
        now = self._clock()
        self._read(now)
        snapshot = self._ledger.peek(now, self._calendar.unix_ns(now))
        breaker.handle_snapshot(self._judging.active, snapshot)
        self._dispatcher.dispatch()
        self._report_notes()
        self._scheduler.taken(now, self._clock(), self._sample_again_ns)

    @property
    def _sample_again_ns(self) -> int | None:
        every = None if self._breaker is None else self._breaker.sample_every_ns
        return every if every is not None and every < self._request.interval_ns else None

    def _finish(self, reason: str) -> None:
        self._catch_up()
        now = self._clock()
        self._read(now)
        if self._breaker is not None:
            self._breaker.close()
        cost = self._cost.read(lag_ns=0)
        final = self._ledger.final(now, self._calendar.unix_ns(now), cost=cost)
        self._view.end(final, reason)

    def _shed(self) -> None:
        """Drop what can be read again, and the jobs that ended; see `MemoryBound`."""
        self._ledger.shed()
        self._paths.shed()
        heap.trim()

    def _remark(self, texts: Iterable[str], kind: RemarkKind = RemarkKind.OTHER) -> None:
        now = self._clock()
        for text in texts:
            self._view.remark(Remark(self._calendar.unix_ns(now), now, text, kind))

    def _report_notes(self) -> None:
        self._remark(self._dispatcher.take_remarks())
        for note in self._ledger.drain_notes():
            self._view.note(note)
            for finding in self._judging.of_note(note):
                self._view.finding(finding)


def _near_limit(probe: Probe, files: CgroupFiles, clock: Callable[[], int]) -> "NearLimit":
    from ebpftrace.engine.near_limit import NearLimit  # where there is a breaker

    return NearLimit(probe, files, clock)


def _node() -> Node | None:
    try:
        return Node(*meminfo.read())
    except (OSError, KeyError):
        return None  # a container may hide it; nothing depends on it
