"""How `serve` is given its API server, and the events that it wrote there."""

import json
from typing import Any

from ebpftrace.kubernetes.account import ServiceAccount
from tests.fleet.control_plane import ControlPlane


def environment_of(account: ServiceAccount) -> dict[str, str]:
    return {
        "KUBERNETES_SERVICE_HOST": account.host, "KUBERNETES_SERVICE_PORT": str(account.port),
        "EBPFTRACE_SERVICE_ACCOUNT": str(account.folder), "NODE_NAME": account.node,
    }  # fmt: skip


def events(plane: ControlPlane, namespace: str) -> dict[str, dict[str, Any]]:
    """By their reason."""
    found = json.loads(plane.kubectl("get", "events", "-n", namespace, "-o", "json"))
    return {str(one["reason"]): one for one in found["items"]}
