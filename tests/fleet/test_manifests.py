"""The manifests and the chart before a real API server; and what they let the agent do."""

import json
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.kubernetes.client import ApiClient, ApiError
from tests.fleet.control_plane import ControlPlane, tool
from tests.fleet.objects import create_pod, delete_pod
from tests.support.build import ROOT
from tests.support.process_state import until

OVERLAYS = ROOT / "deploy" / "kubernetes" / "overlays"
CHART = ROOT / "deploy" / "helm" / "ebpftrace"
NAMESPACE, VICTIMS = "ebpftrace", "victims"
MERGE = "application/merge-patch+json"
SAME = {
    "privileged": (),
    "least-privilege": ("privileged=false",),
    "acting": ("privileged=false", "acting=true"),
}
"""Each overlay, and the values of the chart that render the same."""

_NUMBERS = count(1)
Object = dict[str, Any]


def run(*argv: str | Path, check: bool = False) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, check=check)


def kustomized(overlay: str) -> str:
    return run(tool("kubectl"), "kustomize", OVERLAYS / overlay, check=True).stdout


def rendered(*values: str) -> str:
    options = [option for value in values for option in ("--set", value)]
    return run(tool("helm"), "template", "ebpftrace", CHART, "--namespace", NAMESPACE,
               "--kube-version", "1.36.0", *options, check=True).stdout  # fmt: skip


def admitted(plane: ControlPlane, text: str) -> dict[tuple[str, str], Object]:
    """What the server would store, by kind and name; unknown fields are refused."""
    printed = plane.kubectl(
        "create", "--dry-run=server", "--validate=strict", "--output=json", "--filename=-",
        stdin=text,
    )  # fmt: skip
    found = {}
    decoder, at = json.JSONDecoder(), 0
    while at < len(printed.rstrip()):
        one, at = decoder.raw_decode(
            printed, at + len(printed[at:]) - len(printed[at:].lstrip())
        )
        for each in one.get("items", [one]):
            found[each["kind"], each["metadata"]["name"]] = each
    return found


@pytest.fixture(scope="module", autouse=True)
def _namespace(plane: ControlPlane) -> None:
    plane.namespace(NAMESPACE)
    plane.namespace(VICTIMS)


def comparable(objects: dict[tuple[str, str], Object]) -> dict[tuple[str, str], Object]:
    """Without what the server makes, and how each of the two marks a changed policy."""
    compared = {}
    for (kind, name), one in objects.items():
        if kind == "Namespace":
            continue
        metadata = one["metadata"]
        for made in ("uid", "creationTimestamp", "managedFields", "generation",
                     "resourceVersion", "annotations"):  # fmt: skip
            metadata.pop(made, None)
        if kind == "ConfigMap":
            name = metadata["name"] = "ebpftrace-policy"
        if kind == "DaemonSet":
            template = one["spec"]["template"]
            template["metadata"].pop("creationTimestamp", None)
            template["metadata"]["annotations"].pop("checksum/policy", None)
            for volume in template["spec"]["volumes"]:
                if volume["name"] == "policy":
                    volume["configMap"]["name"] = "ebpftrace-policy"
        one.pop("status", None)
        compared[kind, name] = one
    return compared


@pytest.mark.parametrize("overlay", SAME)
def test_the_server_admits_each_overlay_and_the_chart_renders_the_same(
    plane: ControlPlane, overlay: str
) -> None:
    documents = kustomized(overlay).split("---\n")
    text = "---\n".join(one for one in documents if "kind: Namespace\n" not in one)
    by_kustomize = comparable(admitted(plane, text))
    by_helm = comparable(admitted(plane, rendered(*SAME[overlay])))
    assert by_kustomize.keys() == by_helm.keys()
    for key, one in by_kustomize.items():
        assert one == by_helm[key], key


def test_the_chart_is_strict_about_its_values() -> None:
    helm = tool("helm")
    done = run(helm, "lint", "--strict", CHART)
    assert done.returncode == 0, done.stdout
    for wrong in ("privilegd=true", "privileged=maybe", "maxMemory=9", "image.tag="):
        done = run(helm, "template", "x", CHART, "--set", wrong, "--kube-version", "1.36.0")
        assert done.returncode
        assert "values don't meet the specifications" in done.stderr, wrong


def test_secrets_of_the_chart_change_how_it_is_asked(plane: ControlPlane) -> None:
    found = admitted(plane, rendered("authSecret=users", "tlsSecret=cert"))
    pod = found["DaemonSet", NAMESPACE]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert "--unprotected" not in container["args"]
    assert {"--auth-file", "--tls-cert", "--tls-key"} <= set(container["args"])
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["scheme"] == "HTTPS"


@pytest.fixture(scope="module")
def agent(plane: ControlPlane) -> Iterator[ApiClient]:
    """With the token of a pod of the DaemonSet's on node n1, by the overlay that acts."""
    plane.kubectl("apply", "--filename=-", stdin=kustomized("acting"))
    for node in ("n1", "n2"):
        plane.create("/api/v1/nodes", metadata={"name": node})
    plane.create(
        f"/api/v1/namespaces/{NAMESPACE}/pods", metadata={"name": "agent"},
        spec={"nodeName": "n1", "serviceAccountName": "ebpftrace",
              "terminationGracePeriodSeconds": 0,
              "containers": [{"name": "it", "image": "localhost/none:1"}]},
    )  # fmt: skip
    token = plane.kubectl(
        "create", "token", "ebpftrace", f"--namespace={NAMESPACE}",
        "--bound-object-kind=Pod", "--bound-object-name=agent",
    )  # fmt: skip
    client = ApiClient(plane.account("bound", token.strip(), "n1"))
    until(lambda: refused(plane, client, "DELETE", "n2", {"propagationPolicy": "Background"}))
    yield client
    delete_pod(plane, NAMESPACE, "agent")
    for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
        plane.kubectl("delete", kind, "ebpftrace-own-node")


def refused(
    plane: ControlPlane, agent: ApiClient, method: str, node: str, body: Object, tail: str = ""
) -> str:
    """Why the agent may not do that to a new pod of the node; "" if it may."""
    name = f"victim-{next(_NUMBERS)}"
    create_pod(plane, VICTIMS, name, node, labels={"app": "ci"})
    path = f"/api/v1/namespaces/{VICTIMS}/pods/{name}{tail}"
    if tail == "/eviction":
        body = body | {"metadata": {"name": name}}
    try:
        agent.call(method, path, body, **({"content_type": MERGE} if method == "PATCH" else {}))
    except ApiError as error:
        assert error.status == 403, error
        return str(error)
    return ""


ANNOTATION = {"metadata": {"annotations": {"ebpftrace/reason": "leak"}}}


def test_it_deletes_and_annotates_pods_of_its_own_node_alone(
    plane: ControlPlane, agent: ApiClient
) -> None:
    for method, body in (("DELETE", {}), ("PATCH", ANNOTATION)):
        assert refused(plane, agent, method, "n1", body) == ""
        assert "its own node (n1) alone" in refused(plane, agent, method, "n2", body)


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"labels": {"app": "mine"}}},
        {"metadata": {"labels": None}},
        {"metadata": {"finalizers": ["ebpftrace/never"]}},
        {"spec": {"activeDeadlineSeconds": 1}},
    ],
)
def test_it_changes_nothing_but_annotations(
    plane: ControlPlane, agent: ApiClient, body: Object
) -> None:
    assert "annotations of pods alone" in refused(plane, agent, "PATCH", "n1", body)


def test_an_eviction_cannot_be_held_to_the_node(plane: ControlPlane, agent: ApiClient) -> None:
    """As the manifest says: what is admitted has no node."""
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction"}
    for node in ("n1", "n2"):
        assert refused(plane, agent, "POST", node, eviction, "/eviction") == ""


def test_a_token_without_a_node_changes_no_pod(plane: ControlPlane, agent: ApiClient) -> None:
    unbound = ApiClient(plane.account("unbound", plane.token(NAMESPACE, "ebpftrace"), "n1"))
    assert "its own node () alone" in refused(plane, unbound, "DELETE", "n1", {})


def test_without_the_overlay_that_acts_it_may_only_look(
    plane: ControlPlane, agent: ApiClient
) -> None:
    plane.kubectl("delete", "clusterrolebinding", "ebpftrace-acting")
    account = f"--as=system:serviceaccount:{NAMESPACE}:ebpftrace"
    allowed = plane.kubectl("auth", "can-i", "--list", account)
    rows = [line.split() for line in allowed.splitlines()]
    text = "\n".join(" ".join(row) for row in rows)
    assert "pods [] [] [list watch]" in text
    assert "events.events.k8s.io [] [] [create patch]" in text
    for word in ("delete", "pods/eviction", "secrets", "nodes"):
        assert word not in text
