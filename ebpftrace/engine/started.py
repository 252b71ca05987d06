"""What is said of a watch as it begins: its means, and what a user should know of them."""

import platform
import time

from ebpftrace import __version__
from ebpftrace.engine.request import WatchRequest
from ebpftrace.host.mounts import MemoryHierarchy
from ebpftrace.host.namespaces import in_initial_pid_namespace
from ebpftrace.host.pressure import kernel_has_pressure
from ebpftrace.ledger.clock import Clock
from ebpftrace.probe import Probe
from ebpftrace.views.start import Started


def describe_start(request: WatchRequest, probe: Probe, hierarchy: MemoryHierarchy) -> Started:
    """The first word to a view, once the probe is attached."""
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
