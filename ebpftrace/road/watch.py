"""One watch, from the first reading to the last word."""

import contextlib
import os
import platform
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from ebpftrace import __version__
from ebpftrace.errors import NoTracefsError
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
from ebpftrace.host import meminfo
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.host.memstat import read_contents
from ebpftrace.host.mounts import MemoryHierarchy, memory_hierarchy
from ebpftrace.host.namespaces import in_initial_pid_namespace
from ebpftrace.host.pressure import kernel_has_pressure, read_pressure
from ebpftrace.host.tracefs import mounted_tracefs
from ebpftrace.jobs import JobResolver
from ebpftrace.judge.judge import Judge
from ebpftrace.ledger import Ledger, Node
from ebpftrace.ledger.clock import Clock
from ebpftrace.probe import Probe
from ebpftrace.road.acting import Acting
from ebpftrace.road.cost import CostMeter
from ebpftrace.road.delays import DelayReader, require_accounting
from ebpftrace.road.hearing import Hearing
from ebpftrace.road.looks import Looks
from ebpftrace.road.means import Means
from ebpftrace.road.pressure import PressureListener
from ebpftrace.road.request import Request
from ebpftrace.road.scope import cgroup_ids, require_pids
from ebpftrace.road.tracked import Tracked
from ebpftrace.road.waiting import Waiting, Woken
from ebpftrace.views import View
from ebpftrace.views.acts import Remark
from ebpftrace.views.start import Started


def watch(request: Request, open_view: Callable[[Waiting], View]) -> None:
    """Watch until it is interrupted, `request.duration_ns` is over, or nothing is left.

    `open_view` is given what ends the watch when a user asks for it, from any thread, and
    what writes on when the reader of the output reads. At the very end, when nothing is
    attached any more, that reader is waited for.

    Raises the errors of `ebpftrace.errors`; BrokenPipeError where the reader of the output
    left. Whatever was attached or mounted is gone when this returns.
    """
    with contextlib.ExitStack() as stack:
        waiting = stack.enter_context(Waiting())
        hierarchy = memory_hierarchy()
        paths = CgroupPaths(hierarchy)
        stack.callback(paths.close)
        require_pids(request.selection.pids)
        groups = cgroup_ids(request.selection.cgroups, hierarchy, paths)
        delays = None
        if request.delays:
            require_accounting()
            delays = DelayReader()
            stack.callback(delays.close)
        if request.mapping_calls:
            # Only the last of several means needs it: if that is the one, the probe says so.
            with contextlib.suppress(NoTracefsError):
                stack.enter_context(mounted_tracefs())
        view = open_view(waiting)
        stack.callback(view.stop)
        means = Means.of(request)
        stack.callback(means.close)  # last: nobody can be stopped any more
        probe = Probe(
            request.selection,
            cgroup_ids=groups,
            mapping_calls=request.mapping_calls,
            watermarks=means.policies is not None,
            fuse=means.fuse_of_all,
            guard=means.guard,
            self_pid=os.getpid(),
        )
        stack.callback(probe.close)
        waiting.listen(probe.fd)
        view.start(_started(request, probe, hierarchy))
        for text in means.remarks:
            view.remark(Remark(time.time_ns(), time.monotonic_ns(), text))
        acting = None
        if means.policies is not None:
            acting = Acting(means, probe, paths, view)
            stack.callback(acting.close)
            for fd in acting.fds:
                waiting.listen_to_actions(fd)
            if means.policies.file is not None:
                waiting.reload_on_hangup()
        pressure = None
        if hierarchy.version == "v2":
            pressure = PressureListener(waiting.listen_to_pressure)
            stack.callback(pressure.close)
        _Road(request, probe, paths, view, groups, delays, acting, pressure).walk(waiting)


class _Road:
    """Events to the books, the books to the view."""

    def __init__(
        self,
        request: Request,
        probe: Probe,
        paths: CgroupPaths,
        view: View,
        groups: tuple[int, ...],
        delays: DelayReader | None,
        acting: Acting | None,
        pressure: PressureListener | None,
    ) -> None:
        self._request = request
        self._acting = acting
        self._pressure = pressure
        self._probe = probe
        self._paths = paths
        self._view = view
        self._delays = delays
        self._queue: deque[Event] = deque()
        self._hearing = Hearing(probe, acting, self._queue)
        self._groups = set(groups)  # those there were at the start and still are
        self._clock = Clock.now()
        self._began_ns = time.monotonic_ns()
        self._ledger = Ledger(
            self._clock, watching=request.selection.in_words, began_ns=self._began_ns
        )
        self._resolver = JobResolver(paths)
        self._tracked = Tracked(request.selection)
        self._cost = CostMeter(probe)
        self._judge = Judge()
        self._looks = Looks()

    def walk(self, waiting: Waiting) -> None:
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
            reason = self._emptied() or self._until(min(due, end or due), waiting)
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
                self._take(self._probe.events())
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
        self._take(self._pressure.pressed(pressed))
        self._tell()

    def _read(self, now_ns: int) -> None:
        self._take(self._probe.read(now_ns))
        if self._delays is not None:
            self._take(self._delays.read(now_ns, self._tracked))
        self._tell()

    def _tick(self, due_ns: int) -> None:
        now = time.monotonic_ns()
        self._read(now)
        cost = self._cost.read(lag_ns=max(0, now - due_ns))
        snapshot = self._ledger.snapshot(now, self._clock.unix_ns(now), cost=cost, node=_node())
        self._hearing.between()
        self._view.snapshot(snapshot)
        self._hearing.between()
        if self._pressure is not None:
            self._pressure.follow(
                (job.identity.cgroup_id, self._folder(job.identity.cgroup_id))
                for job in snapshot.jobs
                if job.processes
            )
        for finding in self._judge.judge(snapshot):
            self._view.finding(finding)
        self._hearing.between()
        if self._acting is not None:
            self._acting.snapshot(self._judge.active, snapshot)
        self._take(())  # what was heard in between
        self._tell()
        self._looks.looked(now, time.monotonic_ns(), self._look_again_ns)

    def _look(self, acting: Acting) -> None:
        """The books for who acts alone: the view has them once an interval."""
        now = time.monotonic_ns()
        self._read(now)
        snapshot = self._ledger.look(now, self._clock.unix_ns(now))
        acting.snapshot(self._judge.active, snapshot)
        self._take(())
        self._tell()
        self._looks.looked(now, time.monotonic_ns(), self._look_again_ns)

    @property
    def _look_again_ns(self) -> int | None:
        every = None if self._acting is None else self._acting.look_every_ns
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

    def _emptied(self) -> str:
        """Whether nothing can come any more: all of what was named is gone."""
        if self._request.selection.pids and not len(self._tracked):
            return "every process that was named has ended"
        if self._request.selection.cgroups and not self._groups:
            return "every cgroup that was named is gone"
        return ""

    def _tell(self) -> None:
        for note in self._ledger.take_notes():
            self._view.note(note)
            for finding in self._judge.hear(note):
                self._view.finding(finding)

    def _take(self, events: Iterable[Event]) -> None:
        self._queue.extend(events)
        while self._queue:
            self._hearing.between()
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

    def _executed_since(self, key: ProcessKey) -> bool:
        """Whether a process has become another program by now, as far as the kernel told."""
        self._queue.extend(self._probe.events())
        return any(
            isinstance(event, ProcessExited) and event.executed and event.key == key
            for event in self._queue
        )

    def _start(self, event: ProcessStarted) -> None:
        accepted = self._tracked.accept(event, self._executed_since)
        if accepted is None:
            self._probe.drop(event)
            return
        if self._acting is not None:
            self._looks.started(time.monotonic_ns())
        identity = self._resolver.resolve(event.key.pid, event.cgroup_id, event.parent_pid)
        self._ledger.apply(accepted, identity)

    def _book(self, event: Event) -> None:
        ledger, tracked = self._ledger, self._tracked
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
            ledger.apply(self._with_files(event))
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
        count = self._tracked.unidentified
        return (
            replace(event, counts={**event.counts, "unidentified": count}) if count else event
        )

    def _with_files(self, event: CgroupRead) -> CgroupRead:
        """The event with what only the cgroup's files tell: memory.stat, memory.pressure."""
        folder = self._folder(event.cgroup_id)
        if folder is None:
            return event
        contents = read_contents(folder)
        pressure = None if self._pressure is None else read_pressure(folder)
        counters = replace(event.counters, contents=contents, pressure=pressure)
        return replace(event, counters=counters)

    def _folder(self, cgroup_id: int) -> Path | None:
        """A cgroup's folder; not the root's: that is the whole machine, and has no limit."""
        path = self._paths.path(cgroup_id)
        return self._paths.folder(path) if path and path != "/" else None


def _node() -> Node | None:
    try:
        return Node(*meminfo.read())
    except (OSError, KeyError):
        return None  # a container may hide it; nothing depends on it


def _namespace_remarks() -> tuple[str, ...]:
    if in_initial_pid_namespace():
        return ()
    return (
        "this is a pid namespace of its own, and pids are the host's: programs, arguments "
        "and CI variables are missing or another's, and actions find nobody; run it with "
        "--pid=host (Kubernetes: hostPID: true)",
    )


def _stalls_told(hierarchy: MemoryHierarchy) -> str:
    at_once = hierarchy.version == "v2" and kernel_has_pressure()
    return "at once, by PSI triggers" if at_once else "with each snapshot"


def _started(request: Request, probe: Probe, hierarchy: MemoryHierarchy) -> Started:
    now = time.monotonic_ns()
    return Started(
        time_ns=Clock.now().unix_ns(now),
        monotonic_ns=now,
        version=__version__,
        watching=request.selection.in_words,
        kernel=platform.release(),
        cgroups=hierarchy.version,
        interval_ns=request.interval_ns,
        features=(*probe.features, ("stalls told", _stalls_told(hierarchy))),
        remarks=(*probe.remarks, *_namespace_remarks()),
    )
