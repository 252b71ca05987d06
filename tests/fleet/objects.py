"""Pods for tests without a kubelet."""

import time
from typing import Any
from urllib.parse import urlencode

from tests.fleet.control_plane import ControlPlane
from tests.support.patience import patient

CONTAINER_ID = "ab" * 32


def create_pod(
    plane: ControlPlane,
    namespace: str,
    name: str,
    node: str = "n1",
    account: str = "default",
    **metadata: Any,
) -> str:
    """A pod of a node; its uid. The agent finds it from here on, which asks for what the API
    server has in its cache."""
    made = plane.create(
        f"/api/v1/namespaces/{namespace}/pods",
        metadata={"name": name, **metadata},
        spec={
            "nodeName": node, "serviceAccountName": account, "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "build", "image": "localhost/none:1",
                            "resources": {"limits": {"memory": "64Mi"}}}],
        },
    )  # fmt: skip
    uid, end = str(made["metadata"]["uid"]), time.monotonic() + patient(60.0)
    while uid not in _cached(plane, node):
        assert time.monotonic() < end
        time.sleep(0.02)
    return uid


def _cached(plane: ControlPlane, node: str) -> set[str]:
    asked = urlencode({"fieldSelector": f"spec.nodeName={node}", "resourceVersion": "0"})
    found = plane.admin.items(f"/api/v1/pods?{asked}")
    return {str(one["metadata"].get("uid")) for one in found}


def report_oom(plane: ControlPlane, namespace: str, name: str) -> None:
    """What a kubelet writes when a container was restarted after an OOM kill."""
    ended = {"reason": "OOMKilled", "exitCode": 137, "containerID": "containerd://" + "cd" * 32}
    status = {
        "name": "build", "restartCount": 2, "ready": True, "image": "", "imageID": "",
        "containerID": f"containerd://{CONTAINER_ID}", "lastState": {"terminated": ended},
    }  # fmt: skip
    plane.admin.call(
        "PATCH", f"/api/v1/namespaces/{namespace}/pods/{name}/status",
        {"status": {"phase": "Running", "containerStatuses": [status]}},
        content_type="application/merge-patch+json",
    )  # fmt: skip


def report_ready(plane: ControlPlane, namespace: str, name: str) -> None:
    """What a kubelet writes of a pod that runs: budgets do not count for others."""
    ready = {"type": "Ready", "status": "True"}
    plane.admin.call(
        "PATCH", f"/api/v1/namespaces/{namespace}/pods/{name}/status",
        {"status": {"phase": "Running", "conditions": [ready]}},
        content_type="application/merge-patch+json",
    )  # fmt: skip


def create_budget(plane: ControlPlane, namespace: str, app: str) -> None:
    """One for pods with this label `app` that allows nothing: no controller reconciles it."""
    plane.create(
        f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets",
        metadata={"name": "none"},
        spec={"minAvailable": 1, "selector": {"matchLabels": {"app": app}}},
    )


def delete_pod(plane: ControlPlane, namespace: str, name: str) -> None:
    """At once, as without a kubelet nothing ends it."""
    path = f"/api/v1/namespaces/{namespace}/pods/{name}"
    plane.admin.call("DELETE", path, {"gracePeriodSeconds": 0})
