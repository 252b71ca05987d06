"""One watch: all that it needs is opened here, and closed whatever happens."""

import contextlib
import os
import time
from collections.abc import Callable

from ebpftrace.engine.breaker_driver import BreakerDriver
from ebpftrace.engine.delays import DelayReader, require_accounting
from ebpftrace.engine.pressure import PressureListener
from ebpftrace.engine.request import WatchRequest
from ebpftrace.engine.resources import BreakerResources
from ebpftrace.engine.scope import cgroup_ids, require_pids
from ebpftrace.engine.started import describe_start
from ebpftrace.engine.waiting.waiting import Waiting
from ebpftrace.engine.watch_loop import WatchLoop
from ebpftrace.errors import NoTracefsError
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.host.mounts import memory_hierarchy
from ebpftrace.host.tracefs import mounted_tracefs
from ebpftrace.probe.kernel import KernelProbe
from ebpftrace.views import View
from ebpftrace.views.activity import Remark


def watch(request: WatchRequest, open_view: Callable[[Waiting], View]) -> None:
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
        means = BreakerResources.of(request)
        stack.callback(means.close)  # last: nobody can be stopped any more
        probe = KernelProbe(
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
        view.start(describe_start(request, probe, hierarchy))
        for text in means.remarks:
            view.remark(Remark(time.time_ns(), time.monotonic_ns(), text))
        acting = None
        if means.policies is not None:
            acting = BreakerDriver(means, probe, paths, view)
            stack.callback(acting.close)
            for fd in acting.fds:
                waiting.listen_to_actions(fd)
            if means.policies.file is not None:
                waiting.reload_on_hangup()
        pressure = None
        if hierarchy.version == "v2":
            pressure = PressureListener(waiting.listen_to_pressure)
            stack.callback(pressure.close)
        WatchLoop(request, probe, paths, view, groups, delays, acting, pressure).walk(waiting)
