"""deploy/kubernetes with a real API server: it takes the manifests, and what an agent may do.

The agent's token is of a pod of its own, as a kubelet asks for it: it says on which node it is.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.act.actions.annotate import AnnotateOptions
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.kubernetes.account import ServiceAccount
from ebpftrace.kubernetes.client import MERGE_PATCH, ApiClient, ApiError
from ebpftrace.kubernetes.event import PodEvent, new_event
from ebpftrace.kubernetes.node_pods import NodePods
from ebpftrace.kubernetes.pod import CgroupPlace, Pod
from tests.fleet.control_plane import ControlPlane
from tests.fleet.demo.manifests import write_overlay
from tests.fleet.incidents import incident
from tests.fleet.objects import create_budget, create_pod, report_ready
from tests.fleet.serving import environment_of
from tests.support.build import ROOT
from tests.support.incidents import act
from tests.support.patience import patient

SECONDS = patient(60.0)
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "o",
         "uid": "00000000-0000-4000-8000-000000000001"}  # fmt: skip
OVERLAYS = sorted(it.name for it in (ROOT / "deploy/kubernetes/overlays").iterdir())


def rendered(plane: ControlPlane, overlay: str) -> str:
    return plane.kubectl("kustomize", str(ROOT / "deploy/kubernetes/overlays" / overlay))


def applied(plane: ControlPlane, overlay: str, *options: str) -> str:
    manifests = rendered(plane, overlay)
    return plane.kubectl(
        "apply", "--server-side", "--validate=strict", *options, "-f", "-", stdin=manifests
    )


@pytest.fixture(scope="module")
def account(plane: ControlPlane) -> ServiceAccount:
    """The agent's, with the manifests applied; without a kubelet nothing of them runs."""
    applied(plane, "acting")
    uid = create_pod(plane, "ebpftrace", "agent", account="ebpftrace")
    path = "/api/v1/namespaces/ebpftrace/serviceaccounts/ebpftrace/token"
    bound = {"kind": "Pod", "apiVersion": "v1", "name": "agent", "uid": uid}
    spec = {"expirationSeconds": 3600, "boundObjectRef": bound}
    token = plane.admin.call("POST", path, {"spec": spec})["status"]["token"]
    made = plane.account("manifests", str(token), "n1")
    create_pod(plane, "ebpftrace", "elsewhere", node="n2", account="ebpftrace")
    _wait_until_in_force(ApiClient(made), "/api/v1/namespaces/ebpftrace/pods/elsewhere")
    return made


def _wait_until_in_force(client: ApiClient, elsewhere: str) -> None:
    """The API server has rights and policies from a cache, some time after it took them."""
    end = time.monotonic() + SECONDS
    while True:
        try:
            client.call("DELETE", f"{elsewhere}?dryRun=All")
        except ApiError as error:
            if "own node" in error.what:
                return
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture
def agent(account: ServiceAccount) -> NodePods:
    """What acts on pods."""
    return NodePods(account)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_api_server_takes_every_overlay(plane: ControlPlane, overlay: str) -> None:
    applied(plane, overlay)
    found = json.loads(plane.kubectl("get", "daemonset", "-n", "ebpftrace", "-o", "json"))
    assert [one["metadata"]["name"] for one in found["items"]] == ["ebpftrace"]


def test_the_api_server_takes_what_the_demo_applies(
    plane: ControlPlane, tmp_path: Path
) -> None:
    write_overlay(tmp_path, image="localhost/it:1", api_port=1, port=2, pods="/x/kubepods")
    said = plane.kubectl("apply", "--server-side", "--dry-run=server", "-k", str(tmp_path))
    assert "daemonset.apps/ebpftrace serverside-applied" in said


def test_the_agent_may_do_what_it_needs_and_nothing_else(
    plane: ControlPlane, agent: NodePods
) -> None:
    may = partial(
        plane.kubectl, "auth", "can-i", "--list", "-n", "ci",
        "--as=system:serviceaccount:ebpftrace:ebpftrace", "--no-headers",
    )  # fmt: skip
    lines = [line for line in may().splitlines() if "selfsubject" not in line]
    allowed = {
        line.split()[0]: set(line.rpartition("[")[2].strip("]").split())
        for line in lines if not line.startswith(" ")
    }  # fmt: skip
    assert allowed == {
        "pods": {"list", "watch", "patch", "delete"},
        "pods/eviction": {"create"},
        "events.events.k8s.io": {"create", "patch"},
    }


def test_the_agent_changes_pods_of_its_own_node_alone(
    plane: ControlPlane, agent: NodePods, namespace: str
) -> None:
    create_pod(plane, namespace, "ours")
    own = agent.find(create_pod(plane, namespace, "own"))
    other_uid = create_pod(plane, namespace, "other", node="n2")
    other = own._replace(uid=other_uid, name="other")
    refused: list[Callable[[], None]] = [
        partial(agent.delete, other, 1),
        partial(agent.annotate, other, {"ebpftrace/reason": "x"}),
    ]
    for call in refused:
        with pytest.raises(ApiError, match="own node") as error:
            call()
        assert error.value.status == 403
    agent.annotate(own, {"ebpftrace/reason": "x"})
    agent.delete(own, 1)


def test_the_agent_evicts_pods_of_every_node_within_their_budgets(
    plane: ControlPlane, agent: NodePods, namespace: str
) -> None:
    own = agent.find(create_pod(plane, namespace, "own"))
    other = own._replace(uid=create_pod(plane, namespace, "other", node="n2"), name="other")
    for pod in (own, other):
        agent.evict(pod, 0)
    held = agent.find(create_pod(plane, namespace, "held", labels={"app": "held"}))
    report_ready(plane, namespace, "held")
    create_budget(plane, namespace, "held")
    with pytest.raises(ApiError, match="disruption budget") as error:
        agent.evict(held, 0)
    assert error.value.status == 429
    assert plane.kubectl("get", "pods", "-n", namespace, "-o", "name").split() == ["pod/held"]
    agent.delete(held, 0)  # which keeps no budget
    assert plane.kubectl("get", "pods", "-n", namespace, "-o", "name") == ""


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"labels": {"app": "x"}}},
        {"metadata": {"finalizers": ["a.example/b"]}},
        {"metadata": {"generateName": "x"}},
        {"metadata": {"ownerReferences": [OWNER | {"name": "other"}]}},
        {"spec": {"activeDeadlineSeconds": 60}},
    ],
)
def test_the_agent_changes_nothing_but_annotations(
    plane: ControlPlane, account: ServiceAccount, agent: NodePods, namespace: str, change: Any
) -> None:
    own = agent.find(create_pod(plane, namespace, "own", ownerReferences=[OWNER]))
    with pytest.raises(ApiError, match="annotations of pods alone") as error:
        ApiClient(account).call("PATCH", own.path, change, content_type=MERGE_PATCH)
    assert error.value.status == 403


def test_the_agent_changes_no_annotations_of_others(
    plane: ControlPlane, agent: NodePods, namespace: str
) -> None:
    there = {"a.example/b": "1", "ebpftrace/other": "1"}
    own = agent.find(create_pod(plane, namespace, "own", annotations=there))
    changes: list[dict[str, str | None]] = [
        {"a.example/b": "2"}, {"a.example/b": None}, {"a.example/c": "1"},
        {"ebpftrace/other": "2"}, {"ebpftrace/reason": "x", "a.example/c": "1"},
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(ApiError, match="these annotations alone: ebpftrace/incident,"):
            agent.annotate(own, change)
    assert annotations(plane, namespace) == there


def test_the_agent_sets_and_removes_the_annotations_of_its_action(
    plane: ControlPlane, account: ServiceAccount, namespace: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for variable, value in environment_of(account).items():
        monkeypatch.setenv(variable, value)
    there = {f"a.example/{number}": "x" * 50 for number in range(2000)}
    uid = create_pod(plane, namespace, "own", annotations=there)
    with incident(tmp_path, uid) as it:
        saved = replace(it, evidence=Path("/evidence/1"))
        assert act("annotate", saved, AnnotateOptions()).status is StepStatus.DONE
        added = annotations(plane, namespace).keys() - there.keys()
        assert act("annotate", it, AnnotateOptions()).status is StepStatus.DONE
        left = annotations(plane, namespace).keys() - there.keys()
    names = ("evidence", "incident", "policy", "reason", "time")
    assert sorted(added) == [f"ebpftrace/{name}" for name in names]
    assert added - left == {"ebpftrace/evidence"}


def annotations(plane: ControlPlane, namespace: str) -> dict[str, str]:
    """Those of the pod `own`."""
    said = json.loads(plane.kubectl("get", "pod", "own", "-n", namespace, "-o", "json"))
    found: dict[str, str] = said["metadata"].get("annotations", {})
    return found


def test_the_agent_writes_events_everywhere(
    plane: ControlPlane, account: ServiceAccount, namespace: str
) -> None:
    uid = create_pod(plane, namespace, "other", node="n2")
    pod = Pod(uid, uid, namespace, "other", "n2")
    event = PodEvent(CgroupPlace(uid, ()), "MemoryLeak", "Find", "it leaks", True, 10**18)
    client = ApiClient(account)
    made = client.call(
        "POST", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events",
        new_event(event, pod, "n1"),
    )  # fmt: skip
    assert made["regarding"]["uid"] == uid
