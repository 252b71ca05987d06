"""How a probe found out what it tells, in words: said once, at the start."""

from ebpftrace.probe.calls import CallTraceMethod
from ebpftrace.probe.loading.layout import Layout


def features(layout: Layout, means: CallTraceMethod | None) -> tuple[tuple[str, str], ...]:
    """("mappings", "mmap_lock_released"), …: what is told, and by which means."""
    memory = "rss_stat"
    if layout.exact:
        memory += ", exact at each reading" if layout.events_lag else ", exact"
    if layout.many_cpus:
        memory += ", summed by batch"
    told_apart = means.in_words if means is not None else "not told apart"
    return (
        ("lifecycle", "sched and task raw tracepoints"),
        ("memory", memory),
        ("mappings", "mmap_lock_released" if layout.mmap_lock else told_apart),
        ("mapping calls", told_apart),
        ("pressure", "mark_victim, vmscan and cgroup raw tracepoints"),
    )


def remarks(layout: Layout, means: CallTraceMethod | None) -> tuple[str, ...]:
    """What a user should know of them: where they fall back, and what they cost."""
    said = []
    if not layout.exact:
        said.append("resident memory is as exact as /proc/PID/statm, not to the page")
    elif layout.events_lag:
        said.append(
            "between two readings resident memory lags by up to 64 page faults a thread"
        )
    if not layout.mmap_lock:
        said.append("this kernel has no mmap_lock tracepoints: system calls are traced")
    if means is not None:
        said.append(f"mapping calls are told apart by {means.in_words}: {means.cost}")
    return tuple(said)
