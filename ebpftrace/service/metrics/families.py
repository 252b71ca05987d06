"""The names, types and meanings of all metrics of jobs and processes.

Names are close to cAdvisor's where the meaning is the same: `container_memory_usage_bytes`
there is `ebpftrace_job_memory_usage_bytes` here.
Source: prometheus.io/docs/practices/naming, OpenMetrics 1.0.
"""

from dataclasses import dataclass
from typing import Literal

FamilyType = Literal["gauge", "counter", "info"]


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """One metric. `name` is without the suffix that samples of its type have."""

    name: str
    type: FamilyType
    labels: str  # besides those of the job or the process
    doc: str

    @property
    def sample(self) -> str:
        """The name that its samples have."""
        return self.name + {"gauge": "", "counter": "_total", "info": "_info"}[self.type]

    def head(self, *, open_metrics: bool) -> str:
        """Its HELP and TYPE lines."""
        name = self.name if open_metrics else self.sample
        kind = "gauge" if self.type == "info" and not open_metrics else self.type
        return f"# HELP {name} {self.doc}\n# TYPE {name} {kind}\n"


JOB_FAMILIES: tuple[MetricFamily, ...] = (
    MetricFamily(
        "ebpftrace_job", "info",
        "kind, cgroup, repository, workflow, job, url, namespace, pod, container, runner",
        "What a job is: 1, with its description in the labels.",
    ),
    MetricFamily(
        "ebpftrace_job_running", "gauge", "", "1 while a watched process is left, then 0.",
    ),
    MetricFamily(
        "ebpftrace_job_processes", "gauge", "", "Watched processes.",
    ),
    MetricFamily(
        "ebpftrace_job_memory_usage_bytes", "gauge", "",
        "The charge of its cgroup, page cache included; container_memory_usage_bytes.",
    ),
    MetricFamily(
        "ebpftrace_job_memory_max_usage_bytes", "gauge", "",
        "The highest charge of its cgroup; container_memory_max_usage_bytes.",
    ),
    MetricFamily(
        "ebpftrace_job_spec_memory_limit_bytes", "gauge", "",
        "The limit; container_spec_memory_limit_bytes. Absent without one.",
    ),
    MetricFamily(
        "ebpftrace_job_memory_bytes", "gauge", "type",
        "Memory of its watched processes by type: anon, file, shmem, swap.",
    ),
    MetricFamily(
        "ebpftrace_job_memory_held_bytes", "gauge", "",
        "What the kernel cannot drop; growth is judged by it.",
    ),
    MetricFamily(
        "ebpftrace_job_memory_peak_bytes", "gauge", "",
        "The highest resident memory of its watched processes.",
    ),
    MetricFamily(
        "ebpftrace_job_memory_growth_bytes", "gauge", "",
        "Held memory gained since the first reading.",
    ),
    MetricFamily(
        "ebpftrace_job_memory_growth_bytes_per_second", "gauge", "",
        "The rate of its steady climb; 0 without one.",
    ),
    MetricFamily(
        "ebpftrace_job_memory_limit_eta_seconds", "gauge", "",
        "Time until the limit at that rate. Absent without a climb or a limit.",
    ),
    MetricFamily(
        "ebpftrace_job_memory_failures", "counter", "",
        "How often the limit was hit; container_memory_failcnt.",
    ),
    MetricFamily(
        "ebpftrace_job_oom_events", "counter", "",
        "Processes killed by the OOM killer; container_oom_events_total.",
    ),
    MetricFamily(
        "ebpftrace_job_memory_stalls", "counter", "",
        "How often a task waited for memory to be reclaimed.",
    ),
    MetricFamily(
        "ebpftrace_job_memory_stall_seconds", "counter", "",
        "Time that tasks waited for memory to be reclaimed.",
    ),
    MetricFamily(
        "ebpftrace_job_pressure_memory_waiting_seconds", "counter", "",
        "PSI some; container_pressure_memory_waiting_seconds_total. On cgroup v2 only.",
    ),
    MetricFamily(
        "ebpftrace_job_pressure_memory_stalled_seconds", "counter", "",
        "PSI full; container_pressure_memory_stalled_seconds_total. On cgroup v2 only.",
    ),
    MetricFamily(
        "ebpftrace_job_findings", "gauge", "detector, severity", "Findings in force.",
    ),
    MetricFamily(
        "ebpftrace_job_container_restarts", "gauge", "",
        "How often its container was restarted, by the Kubernetes API.",
    ),
    MetricFamily(
        "ebpftrace_job_container_spec_memory_limit_bytes", "gauge", "",
        "The limit of its container by the Kubernetes API. Absent without one.",
    ),
    MetricFamily(
        "ebpftrace_job_container_last_terminated", "gauge", "reason",
        "1, with why its container ended the last time, by the Kubernetes API.",
    ),
)  # fmt: skip
"""Each has the labels `job_key` and `job_name`."""

PROCESS_FAMILIES: tuple[MetricFamily, ...] = (
    MetricFamily(
        "ebpftrace_process_memory_bytes", "gauge", "type",
        "Memory of a process by type: anon, file, shmem, swap.",
    ),
    MetricFamily(
        "ebpftrace_process_memory_peak_bytes", "gauge", "",
        "Its highest resident memory.",
    ),
    MetricFamily(
        "ebpftrace_process_memory_growth_bytes", "gauge", "",
        "Held memory gained since the first reading.",
    ),
    MetricFamily(
        "ebpftrace_process_memory_limit_eta_seconds", "gauge", "",
        "Time until the limit at the rate of its steady climb. Absent without one.",
    ),
)  # fmt: skip
"""Each has the labels `job_key`, `pid` and `comm`."""
