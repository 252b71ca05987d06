"""What a probe measures by which means, in words; reported once at the start."""

from ebpftrace.probe.calls import CallTraceMethod
from ebpftrace.probe.loading.layout import Layout


def features(layout: Layout, method: CallTraceMethod | None) -> tuple[tuple[str, str], ...]:
    """("mappings", "mmap_lock_released"), …: what is measured, and by which means."""
    memory = "rss_stat"
    if layout.exact:
        memory += ", exact at each reading" if layout.events_lag else ", exact"
    calls = method.in_words if method is not None else "not counted separately"
    return (
        ("lifecycle", "sched and task raw tracepoints"),
        ("memory", memory),
        ("mappings", "mmap_lock_released" if layout.mmap_lock else calls),
        ("mapping calls", calls),
        ("pressure", "mark_victim, vmscan and cgroup raw tracepoints"),
    )


def remarks(layout: Layout, method: CallTraceMethod | None) -> tuple[str, ...]:
    """What a user should know of these means: fallbacks and costs."""
    found = []
    if not layout.exact:
        found.append("resident memory is as exact as /proc/PID/statm, not to the page")
    elif layout.events_lag:
        found.append(
            "between two readings resident memory lags by up to 64 page faults a thread"
        )
    if not layout.mmap_lock:
        found.append("this kernel has no mmap_lock tracepoints: system calls are traced")
    if method is not None:
        found.append(f"mapping calls are counted by {method.in_words}: {method.cost}")
    return tuple(found)
