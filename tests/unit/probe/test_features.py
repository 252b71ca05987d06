"""The features and remarks of a probe, by what the kernel offers."""

from ebpftrace.probe.calls import CallTraceMethod
from ebpftrace.probe.features import features, remarks
from ebpftrace.probe.loading.layout import Layout

RECENT = Layout((), (0,), 1, 2, mmap_lock=True, exact=True, events_lag=False, cpus=2)


def test_recent_kernel_needs_no_remarks() -> None:
    found = dict(features(RECENT, None))
    assert found["memory"] == "rss_stat, exact"
    assert found["mappings"] == "mmap_lock_released"
    assert found["mapping calls"] == "not counted separately"
    assert remarks(RECENT, None) == ()


def test_remarks_report_fallbacks_and_costs() -> None:
    old = RECENT._replace(mmap_lock=False, events_lag=True)
    found = dict(features(old, CallTraceMethod.TRACEPOINT))
    assert found["memory"] == "rss_stat, exact at each reading"
    assert found["mappings"] == found["mapping calls"] == "syscall tracepoints"
    lag, calls, cost = remarks(old, CallTraceMethod.TRACEPOINT)
    assert "lags by up to 64 page faults" in lag
    assert "no mmap_lock tracepoints" in calls
    assert "every system call of every process is slower" in cost
    (inexact, *_) = remarks(old._replace(exact=False), None)
    assert "as exact as /proc/PID/statm" in inexact
