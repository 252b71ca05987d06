"""Names of metrics, as Prometheus asks for them, and their page."""

import re

import pytest

from ebpftrace.kubernetes.status import ApiStatus
from ebpftrace.service.cluster import ClusterState
from ebpftrace.service.metrics.families import (
    JOB_FAMILIES,
    PROCESS_FAMILIES,
    MetricFamily,
)
from ebpftrace.service.metrics.tool import PageFacts, ToolCollector
from tests.support import watches
from tests.support.build import ROOT
from tests.support.published import published

DOCS = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
ALL = (*JOB_FAMILIES, *PROCESS_FAMILIES)


@pytest.mark.parametrize("family", ALL, ids=lambda family: family.sample)
def test_a_family_has_its_row_in_the_docs(family: MetricFamily) -> None:
    labels = f"`{family.labels.replace(', ', '`, `')}`" if family.labels else ""
    assert f"| `{family.sample}` | {family.type} | {labels} | {family.doc} |" in DOCS


def test_the_tool_s_own_metrics_have_their_rows() -> None:
    snapshot = watches.snapshot(losses={"ring_exit": 1})
    facts = PageFacts(1, 1, 1, 1, 1.0)
    ending = {"counter": "_total", "info": "_info"}
    for metric in ToolCollector(published(snapshot=snapshot), facts, {}).collect():
        name = metric.name + ending.get(metric.type, "")
        assert f"| `{name}` | {metric.type} | " in DOCS, name
        assert f" | {metric.documentation} |" in DOCS, name


def test_the_docs_have_no_metric_that_is_not() -> None:
    names = set(re.findall(r"^\| `(ebpftrace_\w+)` \|", DOCS, re.MULTILINE))
    own = ToolCollector(
        published(cluster=ClusterState({}, ApiStatus(True, 0))), PageFacts(1, 1, 1, 1, 1.0), {}
    ).collect()
    known = {family.sample for family in ALL}
    known |= {
        one.name + {"counter": "_total", "info": "_info"}.get(one.type, "") for one in own
    }
    known |= {"ebpftrace_bpf_seconds_total", "ebpftrace_node_memory_total_bytes",
              "ebpftrace_node_memory_available_bytes"}  # fmt: skip
    assert names - known == set()


def test_heads_differ_as_the_formats_do() -> None:
    counter = MetricFamily("ebpftrace_x", "counter", "", "Doc.")
    assert counter.head(open_metrics=True) == (
        "# HELP ebpftrace_x Doc.\n# TYPE ebpftrace_x counter\n"
    )
    assert counter.head(open_metrics=False) == (
        "# HELP ebpftrace_x_total Doc.\n# TYPE ebpftrace_x_total counter\n"
    )
    info = MetricFamily("ebpftrace_x", "info", "", "Doc.")
    assert "# TYPE ebpftrace_x_info gauge\n" in info.head(open_metrics=False)
    assert "# TYPE ebpftrace_x info\n" in info.head(open_metrics=True)
