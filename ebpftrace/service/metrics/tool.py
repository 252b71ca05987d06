"""The metrics of the tool, its node and its actions, as a collector of prometheus-client."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ebpftrace.ledger import JobState, Snapshot
from ebpftrace.service.health import checks
from ebpftrace.service.state import BUCKETS_SECONDS, FirstActions, Published
from ebpftrace.units import NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What making a page has shown. `seconds`: CPU time of the last one."""

    max_series: int
    series: int
    jobs_left_out: int
    processes_left_out: int
    seconds: float


class ToolCollector(Collector):
    """Of one moment. `http` are the counts of connections by result."""

    def __init__(self, published: Published, facts: PageFacts, http: Mapping[str, int]) -> None:
        self._published, self._facts, self._http = published, facts, http

    def collect(self) -> Iterable[Metric]:
        yield from _service(self._published, self._facts, self._http)
        yield from _actions(self._published)
        if self._published.snapshot is not None:
            yield from _watch(self._published.snapshot)


def _service(
    published: Published, facts: PageFacts, http: Mapping[str, int]
) -> Iterator[Metric]:
    started = published.started
    if started is not None:
        yield InfoMetricFamily(
            "ebpftrace_build", "The version, the kernel and the kind of its cgroups.",
            {"version": started.version, "kernel": started.kernel, "cgroups": started.cgroups},
        )  # fmt: skip
    yield _by(
        GaugeMetricFamily("ebpftrace_check", "1 if a check of readiness holds, else 0.",
                          labels=["check"]),
        {(one.name,): int(one.ok) for one in checks(published)},
    )  # fmt: skip
    yield GaugeMetricFamily(
        "ebpftrace_max_series", "The cap of --max-series.", facts.max_series
    )
    yield GaugeMetricFamily(
        "ebpftrace_series", "Series of jobs and processes in this scrape.", facts.series
    )
    yield GaugeMetricFamily(
        "ebpftrace_jobs_left_out", "Jobs without series, by the cap.", facts.jobs_left_out
    )
    yield GaugeMetricFamily(
        "ebpftrace_processes_left_out", "Processes without series, by the cap.",
        facts.processes_left_out,
    )  # fmt: skip
    yield GaugeMetricFamily(
        "ebpftrace_page_cpu_seconds", "CPU time that making the last page took.", facts.seconds
    )
    yield _by(
        CounterMetricFamily("ebpftrace_http_connections", "Connections of clients by result.",
                            labels=["result"]),
        {(result,): count for result, count in http.items()},
    )  # fmt: skip
    if published.cluster is not None:
        yield GaugeMetricFamily(
            "ebpftrace_kubernetes_pods", "Pods that the Kubernetes API has named.",
            len(published.cluster.pods),
        )  # fmt: skip
        yield _by(
            CounterMetricFamily("ebpftrace_kubernetes_events",
                                "Events about pods by what became of them.",
                                labels=["result"]),
            {(result,): count for result, count in published.cluster.events.items()},
        )  # fmt: skip
    yield CounterMetricFamily(
        "ebpftrace_log_lines_lost", "Lines that the reader of the log did not take.",
        published.lost_lines,
    )  # fmt: skip


def _actions(published: Published) -> Iterator[Metric]:
    yield _by(
        CounterMetricFamily("ebpftrace_actions", "Steps of incidents, by how they ended.",
                            labels=["policy", "action", "status"]),
        published.steps,
    )  # fmt: skip
    yield _by(
        CounterMetricFamily("ebpftrace_incidents", "Incidents that ended, by result.",
                            labels=["policy", "result"]),
        published.incidents,
    )  # fmt: skip
    yield _by(
        CounterMetricFamily("ebpftrace_fuse_events", "Events of fuses, by kind.",
                            labels=["event"]),
        {(event,): count for event, count in published.fuses.items()},
    )  # fmt: skip
    yield _histogram(published.first_actions)


def _watch(snapshot: Snapshot) -> Iterator[Metric]:
    cost = snapshot.cost
    states = dict.fromkeys(JobState, 0)
    for job in snapshot.jobs:
        states[job.state] += 1
    yield _by(
        GaugeMetricFamily("ebpftrace_jobs", "Jobs by state.", labels=["state"]),
        {(state.value,): count for state, count in states.items()},
    )
    yield _by(
        CounterMetricFamily("ebpftrace_losses", "What was missed, by cause.",
                            labels=["cause"]),
        {(cause,): count for cause, count in snapshot.losses.items()},
    )  # fmt: skip
    yield CounterMetricFamily("ebpftrace_snapshots", "Snapshots taken.", snapshot.sequence)
    yield GaugeMetricFamily(
        "ebpftrace_snapshot_time_seconds", "When the last one was taken, as Unix time.",
        snapshot.time_ns / NS_PER_SECOND,
    )  # fmt: skip
    yield GaugeMetricFamily(
        "ebpftrace_snapshot_lag_seconds", "How late it was taken.",
        cost.lag_ns / NS_PER_SECOND,
    )  # fmt: skip
    yield CounterMetricFamily(
        "ebpftrace_cpu_seconds", "CPU time of ebpftrace.", cost.cpu_ns / NS_PER_SECOND
    )
    yield GaugeMetricFamily(
        "ebpftrace_resident_memory_bytes", "Resident memory of ebpftrace.", cost.rss_bytes
    )
    if cost.bpf_run_ns is not None:
        yield CounterMetricFamily(
            "ebpftrace_bpf_seconds", "Time in its BPF programs, where the kernel counts it.",
            cost.bpf_run_ns / NS_PER_SECOND,
        )  # fmt: skip
    yield CounterMetricFamily(
        "ebpftrace_node_oom_events", "OOM kills on the node, watched or not.",
        snapshot.node_oom_kills,
    )  # fmt: skip
    if snapshot.node is not None:
        yield GaugeMetricFamily(
            "ebpftrace_node_memory_total_bytes", "The node's memory.",
            snapshot.node.total_bytes,
        )  # fmt: skip
        yield GaugeMetricFamily(
            "ebpftrace_node_memory_available_bytes", "What new programs can take of it.",
            snapshot.node.available_bytes,
        )  # fmt: skip


def _histogram(first: FirstActions) -> Metric:
    buckets, total = [], 0
    for bound, count in zip((*BUCKETS_SECONDS, "+Inf"), first.counts, strict=True):
        total += count
        buckets.append((str(bound), total))
    return HistogramMetricFamily(
        "ebpftrace_first_action_seconds",
        "From a breach until the first action of its incident began.",
        buckets=buckets, sum_value=first.sum_seconds,
    )  # fmt: skip


def _by(
    family: CounterMetricFamily | GaugeMetricFamily,
    values: Mapping[Any, float],  # by a tuple of labels
) -> Metric:
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family
