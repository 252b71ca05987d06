"""The result as metrics in Prometheus' text format: GitLab compares them in a merge request.

Source: docs.gitlab.com, metrics reports.
"""

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from ebpftrace.run.result import RunResult
from ebpftrace.units import NS_PER_SECOND


def metrics(result: RunResult) -> str:
    """A line for each figure that is known, with its help."""
    registry = CollectorRegistry()
    values: tuple[tuple[str, str, float | None], ...] = (
        ("peak_bytes", "The most that the command held.", result.peak_bytes),
        ("limit_bytes", "The lowest limit of its memory.", result.limit_bytes),
        ("growth_bytes", "How much it grew while it was watched.", result.growth_bytes),
        ("oom_kills", "Processes that the OOM killer ended.", result.oom_kills),
        ("findings", "Findings about its memory.", len(result.findings)),
        ("restarts", "How often it was started again.", result.restarts),
        ("duration_seconds", "How long it ran.", result.end.took_ns / NS_PER_SECOND),
    )
    for name, text, value in values:
        if value is not None:
            Gauge(f"ebpftrace_run_{name}", text, registry=registry).set(value)
    return generate_latest(registry).decode("utf-8")
