"""The road walked, by one thread: what is done at a tick, between two, and at the end."""

import time

from ebpftrace.engine.breaker_driver import BreakerDriver
from ebpftrace.engine.cgroup_files import CgroupFiles
from ebpftrace.engine.cost import CostMeter
from ebpftrace.engine.delays import DelayReader
from ebpftrace.engine.dispatcher import EventDispatcher
from ebpftrace.engine.pressure import PressureListener
from ebpftrace.engine.request import WatchRequest
from ebpftrace.engine.scheduler import SnapshotScheduler
from ebpftrace.engine.waiting.waiting import Waiting, Woken
from ebpftrace.host import meminfo
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.judge.judge import Judge
from ebpftrace.ledger import Ledger, Node
from ebpftrace.ledger.clock import Clock
from ebpftrace.probe import Probe
from ebpftrace.views import View


class WatchLoop:
    """Events to the books; the books to the view, the judge and who acts."""

    def __init__(
        self,
        request: WatchRequest,
        probe: Probe,
        paths: CgroupPaths,
        view: View,
        groups: tuple[int, ...],
        delays: DelayReader | None,
        acting: BreakerDriver | None,
        pressure: PressureListener | None,
    ) -> None:
        self._request = request
        self._acting = acting
        self._pressure = pressure
        self._probe = probe
        self._view = view
        self._delays = delays
        self._clock = Clock.now()
        self._began_ns = time.monotonic_ns()
        self._ledger = Ledger(
            self._clock, watching=request.selection.in_words, began_ns=self._began_ns
        )
        self._looks = SnapshotScheduler()
        self._files = CgroupFiles(paths, pressure=pressure is not None)
        self._booking = EventDispatcher(
            request.selection, probe, self._ledger, acting, self._looks, paths, self._files,
            groups,
        )  # fmt: skip
        self._cost = CostMeter(probe)
        self._judge = Judge()

    def walk(self, waiting: Waiting) -> None:
        """Until it is over; what `watch` raises."""
        request = self._request
        due = self._began_ns
        end = None if request.duration_ns is None else due + request.duration_ns
        reason = ""
        while not reason:
            self._tick(due)
            if request.once:
                reason = "one reading"
                break
            due = max(due + request.interval_ns, time.monotonic_ns())
            reason = self._booking.emptied() or self._until(min(due, end or due), waiting)
            if not reason and end is not None and time.monotonic_ns() >= end:
                reason = "the time is over"
        self._finish(reason)

    def _until(self, due: int, waiting: Waiting) -> str:
        """Handle what happens until then; why the watch ends, or ""."""
        while True:
            next_ns = due if self._acting is None else self._acting.due_ns(due)
            if self._looks.due_ns is not None:
                next_ns = min(next_ns, self._looks.due_ns)
            woken = waiting.wait(next_ns - time.monotonic_ns())
            if woken is Woken.STOP:
                by = waiting.stopped_by
                return f"interrupted by {by.name if by else 'signal'}"
            if woken is Woken.QUIT:
                return "q was pressed"
            if woken is Woken.READER_LEFT:
                raise BrokenPipeError
            if woken is Woken.KERNEL:
                self._booking.take(self._probe.events())
                self._tell()
            elif woken is Woken.RELOAD and self._acting is not None:
                self._acting.reload()
            elif woken is Woken.WISH and self._acting is not None:
                for wish in waiting.wishes():
                    self._acting.wish(wish)
            if self._acting is not None:
                self._acting.poll()
                if self._acting.wants_look:
                    self._tick(time.monotonic_ns())
                elif self._looks.are_due(time.monotonic_ns()):
                    self._look(self._acting)
            if pressed := waiting.take_pressed():
                self._hear(pressed)
            if time.monotonic_ns() >= due:  # also where the kernel never stops talking
                return ""

    def _hear(self, pressed: set[int]) -> None:
        """Tasks wait for memory: said now, not with the next snapshot."""
        assert self._pressure is not None
        self._booking.take(self._pressure.pressed(pressed))
        self._tell()

    def _read(self, now_ns: int) -> None:
        self._booking.take(self._probe.read(now_ns))
        if self._delays is not None:
            self._booking.take(self._delays.read(now_ns, self._booking.tracked))
        self._tell()

    def _tick(self, due_ns: int) -> None:
        now = time.monotonic_ns()
        self._read(now)
        cost = self._cost.read(lag_ns=max(0, now - due_ns))
        snapshot = self._ledger.snapshot(now, self._clock.unix_ns(now), cost=cost, node=_node())
        self._booking.hearing.between()
        self._view.snapshot(snapshot)
        self._booking.hearing.between()
        if self._pressure is not None:
            self._pressure.follow(
                (job.identity.cgroup_id, self._files.folder(job.identity.cgroup_id))
                for job in snapshot.jobs
                if job.processes
            )
        for finding in self._judge.judge(snapshot):
            self._view.finding(finding)
        self._booking.hearing.between()
        if self._acting is not None:
            self._acting.snapshot(self._judge.active, snapshot)
        self._booking.take()  # what was heard in between
        self._tell()
        self._looks.looked(now, time.monotonic_ns(), self._look_again_ns)

    def _look(self, acting: BreakerDriver) -> None:
        """The books for who acts alone: the view has them once an interval."""
        now = time.monotonic_ns()
        self._read(now)
        snapshot = self._ledger.look(now, self._clock.unix_ns(now))
        acting.snapshot(self._judge.active, snapshot)
        self._booking.take()
        self._tell()
        self._looks.looked(now, time.monotonic_ns(), self._look_again_ns)

    @property
    def _look_again_ns(self) -> int | None:
        every = None if self._acting is None else self._acting.sample_every_ns
        return every if every is not None and every < self._request.interval_ns else None

    def _finish(self, reason: str) -> None:
        now = time.monotonic_ns()
        self._read(now)
        if self._acting is not None:
            self._acting.close()
        final = self._ledger.final(
            now, self._clock.unix_ns(now), cost=self._cost.read(lag_ns=0)
        )
        self._view.end(final, reason)

    def _tell(self) -> None:
        for note in self._ledger.take_notes():
            self._view.note(note)
            for finding in self._judge.judge_note(note):
                self._view.finding(finding)


def _node() -> Node | None:
    try:
        return Node(*meminfo.read())
    except (OSError, KeyError):
        return None  # a container may hide it; nothing depends on it
