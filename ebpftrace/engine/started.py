"""What the views are given as a watch begins: what is watched, and by which means."""

import platform

from ebpftrace import __version__
from ebpftrace.engine.request import WatchRequest
from ebpftrace.host.mounts import MemoryHierarchy
from ebpftrace.host.namespaces import in_initial_pid_namespace
from ebpftrace.host.pressure import kernel_has_pressure
from ebpftrace.ledger.clock import Clock
from ebpftrace.probe import Probe
from ebpftrace.views.start import Started


def describe_start(
    request: WatchRequest,
    probe: Probe,
    hierarchy: MemoryHierarchy,
    *,
    now_ns: int,
    calendar: Clock,
) -> Started:
    """For `View.start`, once the probe is attached; `now_ns` is CLOCK_MONOTONIC."""
    return Started(
        time_ns=calendar.unix_ns(now_ns),
        monotonic_ns=now_ns,
        version=__version__,
        watching=request.selection.in_words,
        kernel=platform.release(),
        cgroups=hierarchy.version,
        interval_ns=request.interval_ns,
        features=(*probe.features, ("stalls", _stalls(hierarchy))),
        remarks=(*probe.remarks, *_namespace_remarks()),
    )


def _namespace_remarks() -> tuple[str, ...]:
    if in_initial_pid_namespace():
        return ()
    return (
        "this is not the host's pid namespace, but the kernel reports the host's pids: "
        "programs, arguments and CI variables are missing or another process's, and actions "
        "find no process; run it with --pid=host (Kubernetes: hostPID: true)",
    )


def _stalls(hierarchy: MemoryHierarchy) -> str:
    at_once = hierarchy.version == "v2" and kernel_has_pressure()
    return "at once, by PSI triggers" if at_once else "with each snapshot"
