"""deploy/prometheus: its rules name only metrics and labels that `serve` has."""

import re
from types import MappingProxyType

import pytest
from prometheus_client.metrics_core import Metric

from ebpftrace.ledger.snapshot import Node
from ebpftrace.service.metrics.families import JOB_FAMILIES, PROCESS_FAMILIES
from ebpftrace.service.metrics.tool import PageFacts, ToolCollector
from ebpftrace.service.state import FirstActions
from tests.support import watches
from tests.support.build import ROOT
from tests.support.published import published

FOLDER = ROOT / "deploy" / "prometheus"
RULES = (FOLDER / "ebpftrace.rules.yml").read_text(encoding="utf-8")
TESTS = (FOLDER / "ebpftrace.rules.test.yml").read_text(encoding="utf-8")
DOCS = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
CODE = re.sub(r"^\s*#.*", "", RULES, flags=re.MULTILINE)
ALERTS = re.findall(r"- alert: (\w+)", CODE)
OF_PROMETHEUS = {
    "job", "instance", "le",
    "exported_job",  # `job` of ebpftrace_job_info, renamed by a scrape
}  # fmt: skip
RECORDED = re.compile(r"\b[a-z_]+:\w+:\w+")


def suffixed(metric: Metric) -> set[str]:
    endings = {
        "counter": ("_total",), "info": ("_info",), "histogram": ("_bucket", "_count", "_sum"),
    }  # fmt: skip
    return {metric.name + ending for ending in endings.get(metric.type, ("",))}


def tool_metrics() -> list[Metric]:
    state = published(
        snapshot=watches.snapshot(losses={"ring_exit": 1})._replace(node=Node(2, 1)),
        steps=MappingProxyType({("leaks", "signal", "done"): 1}),
        incidents=MappingProxyType({("leaks", "helped"): 1}),
        fuses=MappingProxyType({"crossed": 1}),
        first_actions=FirstActions().with_one(1),
    )
    return list(ToolCollector(state, PageFacts(1, 1, 0, 0, 0.1), {"answered": 1}).collect())


def names() -> set[str]:
    ours = {family.sample for family in (*JOB_FAMILIES, *PROCESS_FAMILIES)}
    return ours.union(*map(suffixed, tool_metrics()))


def labels() -> set[str]:
    ours = {"job_key", "job_name"}
    for family in JOB_FAMILIES:
        ours.update(filter(None, family.labels.split(", ")))
    for metric in tool_metrics():
        for sample in metric.samples:
            ours.update(sample.labels)
    return ours


@pytest.mark.parametrize("text", [CODE, TESTS], ids=["rules", "tests"])
def test_every_metric_is_in_the_table_of_families(text: str) -> None:
    named = set(re.findall(r"\bebpftrace_\w+", RECORDED.sub("", text)))
    assert len(named) > 10
    assert named - names() == set()


def test_every_recorded_series_is_recorded() -> None:
    recorded = re.findall(r"- record: (\S+)", CODE)
    assert len(set(recorded)) == len(recorded)
    assert set(RECORDED.findall(CODE + TESTS)) == set(recorded)


def test_every_label_is_had() -> None:
    lists = re.findall(r"\b(?:by|on|group_left) \(([^()]*)\)", CODE)
    used = {label for one in lists for label in re.split(r",\s*", one.strip())}
    used.update(re.findall(r"(\w+)(?:=~|!~|!=|=)\"", CODE))
    used.update(re.findall(r"\$labels\.(\w+)", CODE))
    assert "job_key" in used
    assert used - labels() - OF_PROMETHEUS == set()


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_is_tested_in_a_case_in_which_it_does_not_fire_and_explained(
    alert: str,
) -> None:
    cases = re.findall(rf"- alertname: {alert}\b.*\n +eval_time: .*\n +exp_alerts:(.*)", TESTS)
    assert {case.strip() == "[]" for case in cases} == {True, False}
    assert f"| `{alert}` | " in DOCS


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_a_severity_and_says_what_to_do(alert: str) -> None:
    rule = CODE.partition(f"- alert: {alert}\n")[2].partition("\n      - ")[0]
    for key in ("severity", "summary: '", "description: >-"):
        assert key in rule, key
    if "ebpftrace_job_" in rule:
        for label in ("job_name", "repository", "url"):
            assert f"$labels.{label}" in rule, label
        assert "20," in rule, "no job can make thousands of alerts"
