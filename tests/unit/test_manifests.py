"""What can be said of the manifests and the chart without the programs of Kubernetes."""

import re

import pytest

from ebpftrace.act.policy.file import read_policies
from tests.support.build import ROOT

DEPLOY = ROOT / "deploy"
POLICY = DEPLOY / "policy.toml"
RIGHTS = (
    DEPLOY / "kubernetes/components/least-privilege/rights.yaml",
    DEPLOY / "helm/ebpftrace/templates/_rights.tpl",
)
UNIT = DEPLOY / "systemd/ebpftrace.service"


def granted(text: str) -> list[str]:
    """The lines of the list of capabilities, each with its reason."""
    items = text.partition("add:\n")[2].partition("\n{{")[0]
    lines = [line.strip() for line in items.splitlines() if line.strip().startswith("- ")]
    assert lines
    return lines


def test_each_capability_has_its_reason_on_its_line() -> None:
    by_manifest, by_chart = (granted(path.read_text(encoding="utf-8")) for path in RIGHTS)
    assert by_manifest == by_chart
    assert [line for line in by_manifest if not re.fullmatch(r"- [A-Z_]+ # \w.+", line)] == []


def test_they_are_those_of_the_unit() -> None:
    of_unit = re.findall(r"^CapabilityBoundingSet=CAP_(\w+)$", UNIT.read_text(), re.MULTILINE)
    by_manifest = [line.split()[1] for line in granted(RIGHTS[0].read_text())]
    assert sorted(by_manifest) == sorted(of_unit)


@pytest.mark.parametrize("copy", ["kubernetes/base", "helm/ebpftrace/files"])
def test_all_install_the_same_policy(copy: str) -> None:
    assert (DEPLOY / copy / "policy.toml").read_bytes() == POLICY.read_bytes()


def test_the_policy_saves_evidence_and_ends_nothing() -> None:
    (policy,) = read_policies(POLICY)
    assert [step.action for step in policy.ladder] == ["capture"]
    assert policy.fuse is None


def test_the_agent_stops_before_its_limit_does_it() -> None:
    text = (DEPLOY / "kubernetes/base/daemonset.yaml").read_text(encoding="utf-8")
    bound = re.search(r"EBPFTRACE_MAX_MEMORY, value: (\d+)MiB", text)
    limit = re.search(r"limits: {memory: (\d+)Mi}", text)
    assert bound
    assert limit
    assert int(bound[1]) < int(limit[1])
