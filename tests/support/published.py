"""What a service publishes, made of the examples in watches.py."""

from types import MappingProxyType
from typing import Any

from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser

from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import JobSnapshot
from ebpftrace.service.state import Published
from tests.support import watches


def published(*jobs: JobSnapshot, findings: tuple[Finding, ...] = (), **more: Any) -> Published:
    """A started watch with one snapshot of these jobs."""
    fields: dict[str, Any] = {
        "started": watches.started(),
        "snapshot": watches.snapshot(*jobs),
        "findings": MappingProxyType({one.key: one for one in findings}),
    }
    return Published(**(fields | more))


def parsed(text: str) -> dict[str, Metric]:
    """The families of an OpenMetrics page by name. ValueError for the least mistake."""
    families = parser.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    return {one.name: one for one in families}
