"""One watch: opens all that it needs, and closes it whatever happens.

The kernel takes its time to verify the programs. So what only runs once they are attached is
imported while a thread loads them: all that knows of jobs, snapshots and findings.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from ebpftrace.descriptors import hold_spares, raise_limit, release_spares
from ebpftrace.engine.environment import Environment
from ebpftrace.engine.resources import BreakerResources
from ebpftrace.engine.scope import cgroup_ids, require_pids
from ebpftrace.engine.waiting.waiter import Waiter
from ebpftrace.errors import NoTracefsError
from ebpftrace.host.cgroups import CgroupPaths

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ebpftrace.engine.breaker_driver import BreakerDriver
    from ebpftrace.engine.recording.recorder import HistoryRecorder
    from ebpftrace.engine.request import WatchRequest
    from ebpftrace.engine.waiting.clock import TimeSource
    from ebpftrace.host.mounts import MemoryHierarchy
    from ebpftrace.probe import Probe
    from ebpftrace.views import View


def watch(
    request: WatchRequest,
    open_views: Sequence[Callable[[Waiter], View]],
    environment: Environment | None = None,
) -> None:
    """Watch until it is interrupted, `request.duration_ns` has elapsed, or nothing is left.

    The views are opened in this order, before anything is attached. Each opener is given
    the waiter: a view may end the watch with `quit`, from any thread, and have `wait` write
    the rest of its output. At the very end, when nothing is attached any more, the readers
    of the output are waited for.

    Raises the errors of `ebpftrace.errors`; BrokenPipeError if the reader of the output
    left. Whatever was attached or mounted is gone when this returns.
    """
    environment = environment or Environment()
    if request.max_memory_bytes is None:
        request = request._replace(max_memory_bytes=environment.own_bound())
    raise_limit()
    time = environment.time
    with contextlib.ExitStack() as stack:
        stack.callback(release_spares)
        hold_spares()
        waiter = stack.enter_context(Waiter(time))
        hierarchy = environment.memory_hierarchy()
        if request.selection.go_mains:
            from ebpftrace.engine.process_filter import READER

            READER.prepare()
            stack.callback(READER.close)
        paths = CgroupPaths(hierarchy)
        stack.callback(paths.close)
        require_pids(request.selection.pids)
        groups = cgroup_ids(request.selection.cgroups, hierarchy, paths)
        delays = None
        if request.delays:
            from ebpftrace.engine.delays import DelayReader, require_accounting

            require_accounting()
            delays = DelayReader()
            stack.callback(delays.close)
        if request.mapping_calls:
            from ebpftrace.host.tracefs import mounted_tracefs

            # Only the last of several methods needs it: if it is used, the probe says so.
            with contextlib.suppress(NoTracefsError):
                stack.enter_context(mounted_tracefs())
        shown = stack.enter_context(contextlib.ExitStack())
        resources = BreakerResources.open(request, environment.open_holding)
        # After the probe: nothing can be stopped any more.
        stack.callback(resources.close, waiter.wait_until_readable)
        views: list[View] = []

        def open_meanwhile() -> None:
            views.extend(_opened(open_views, waiter, shown))
            _import_what_follows(request, resources)

        probe = environment.open_probe(request, groups, resources, open_meanwhile)
        stack.callback(probe.close)
        from ebpftrace.engine.names.remarks import name_remarks
        from ebpftrace.engine.started import describe_start
        from ebpftrace.engine.watch_loop import WatchLoop
        from ebpftrace.ledger.clock import Clock
        from ebpftrace.views.start import Remark
        from ebpftrace.views.tee import Tee

        view: View = views[0] if len(views) == 1 else Tee(views)
        for fd in probe.fds:
            waiter.add_kernel(fd)
        now_ns, unix_ns = time.monotonic_ns(), time.unix_ns()
        calendar = Clock(unix_ns - now_ns, unix_ns - time.boottime_ns())
        has_file = resources.policies is not None and resources.policies.file is not None
        if has_file or request.reloads:
            waiter.reload_on_hangup()  # a user who sees the start may send one
        view.start(describe_start(request, probe, hierarchy, now_ns=now_ns, calendar=calendar))
        recorder = _recorder(request, environment, hierarchy, view, waiter)
        if recorder is not None:
            stack.callback(recorder.stop)
            view = Tee((recorder, view))
        breaker = None
        remarks = [*resources.remarks, *name_remarks(request)]
        if resources.policies is not None:
            breaker = _breaker(resources, probe, paths, view, time)
            stack.callback(breaker.close)
            for fd in breaker.fds:
                waiter.add_action(fd)
            remarks += environment.protect()
            waiter.add_priority(environment.open_priority())
        for text in remarks:
            view.remark(Remark(time.unix_ns(), time.monotonic_ns(), text))
        pressure = None
        if hierarchy.version == "v2":
            from ebpftrace.engine.pressure import PressureListener

            pressure = PressureListener(waiter.add_pressure)
            stack.callback(pressure.close)
        loop = WatchLoop(
            request, probe, paths, view, groups, delays, breaker, pressure, waiter, time,
            calendar, recorder,
        )  # fmt: skip
        loop.run(environment.all_is_imported)


def _breaker(
    resources: BreakerResources, probe: Probe, paths: CgroupPaths, view: View, time: TimeSource
) -> BreakerDriver:
    """Imported here only: most watches have no policy."""
    from ebpftrace.engine.breaker_driver import BreakerDriver

    return BreakerDriver(resources, probe, paths, view, time)


def _recorder(
    request: WatchRequest,
    environment: Environment,
    hierarchy: MemoryHierarchy,
    view: View,
    waiter: Waiter,
) -> HistoryRecorder | None:
    """What records the runs of jobs; None where no history is wanted."""
    file = request.history
    if file is None or request.once:
        return None
    from ebpftrace.engine.recording.recorder import HistoryRecorder
    from ebpftrace.engine.recording.worker import HistoryWorker
    from ebpftrace.views.start import Remark

    def remark(text: str) -> None:
        time = environment.time
        view.remark(Remark(time.unix_ns(), time.monotonic_ns(), text))

    return HistoryRecorder(
        HistoryWorker(lambda: environment.open_store(file)),
        cgroups=hierarchy.version,
        sees_all=request.selection.takes_whole_jobs,
        remark=remark,
        wait=waiter.wait_until_readable,
    )


def _opened(
    open_views: Sequence[Callable[[Waiter], View]],
    waiter: Waiter,
    stack: contextlib.ExitStack,
) -> list[View]:
    """Those that are open are stopped at the end, also if a later one cannot be opened."""
    views: list[View] = []
    for open_view in open_views:
        view = open_view(waiter)
        stack.callback(view.stop)
        views.append(view)
    return views


def _import_what_follows(request: WatchRequest, resources: BreakerResources) -> None:
    """Import what `watch` and its helpers import later, as far as this watch has it."""
    import ebpftrace.engine.started
    import ebpftrace.engine.watch_loop

    if resources.policies is not None:
        import ebpftrace.engine.breaker_driver
    if request.history is not None and not request.once:
        import ebpftrace.engine.recording.recorder
        import ebpftrace.engine.recording.worker  # noqa: F401
