"""What a probe says of its means, by what the kernel offers."""

from dataclasses import replace

from ebpftrace.probe.calls import CallTraceMethod
from ebpftrace.probe.features import features, remarks
from ebpftrace.probe.loading.layout import Layout

RECENT = Layout((), (0,), 1, mmap_lock=True, exact=True, events_lag=False, many_cpus=False)


def test_a_recent_kernel_needs_no_remarks() -> None:
    told = dict(features(RECENT, None))
    assert told["memory"] == "rss_stat, exact"
    assert (told["mappings"], told["mapping calls"]) == ("mmap_lock_released", "not told apart")
    assert remarks(RECENT, None) == ()


def test_where_it_falls_back_and_what_that_costs_is_said() -> None:
    old = replace(RECENT, mmap_lock=False, events_lag=True, many_cpus=True)
    told = dict(features(old, CallTraceMethod.TRACEPOINT))
    assert told["memory"] == "rss_stat, exact at each reading, summed by batch"
    assert told["mappings"] == told["mapping calls"] == "syscall tracepoints"
    lag, calls, cost = remarks(old, CallTraceMethod.TRACEPOINT)
    assert "lags by up to 64 page faults" in lag
    assert "no mmap_lock tracepoints" in calls
    assert "every system call of every process is slower" in cost
    (inexact, *_) = remarks(replace(old, exact=False), None)
    assert "as exact as /proc/PID/statm" in inexact
