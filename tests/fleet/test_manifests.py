"""deploy/kubernetes with a real API server: it takes the manifests, and what an agent may do.

The agent's token is of a pod of its own, as a kubelet asks for it: it says on which node it is.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ebpftrace.kubernetes.account import ServiceAccount
from ebpftrace.kubernetes.client import ApiClient, ApiError
from ebpftrace.kubernetes.event import PodEvent, new_event
from ebpftrace.kubernetes.node_pods import NodePods
from ebpftrace.kubernetes.pod import CgroupPlace, Pod
from tests.fleet.control_plane import ControlPlane
from tests.fleet.demo.manifests import write_overlay
from tests.fleet.objects import create_pod
from tests.support.build import ROOT

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
    return plane.account("manifests", str(token), "n1")


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


def test_the_agent_changes_nothing_but_annotations(
    plane: ControlPlane, account: ServiceAccount, agent: NodePods, namespace: str
) -> None:
    own = agent.find(create_pod(plane, namespace, "own"))
    client = ApiClient(account)
    for change in ({"labels": {"app": "x"}}, {"finalizers": ["a.example/b"]}):
        with pytest.raises(ApiError, match="annotations of pods alone"):
            client.call("PATCH", own.path, {"metadata": change},
                        content_type="application/merge-patch+json")  # fmt: skip


def test_the_agent_writes_events_everywhere(
    plane: ControlPlane, account: ServiceAccount, namespace: str
) -> None:
    uid = create_pod(plane, namespace, "own")
    pod = Pod(uid, uid, namespace, "own", "n1")
    event = PodEvent(CgroupPlace(uid, ()), "MemoryLeak", "Find", "it leaks", True, 10**18)
    client = ApiClient(account)
    made = client.call(
        "POST", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events",
        new_event(event, pod, "n1"),
    )  # fmt: skip
    assert made["regarding"]["uid"] == uid
