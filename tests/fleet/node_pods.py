"""Pods for a node with a kubelet."""

from typing import Any

from tests.fleet.control_plane import ControlPlane
from tests.fleet.image import BUSYBOX
from tests.fleet.node import NODE

_FILLS = (
    "(i=0; while [ $i -lt {steps} ]; do i=$((i+1)); head -c 786432 /dev/zero || exit; "
    "sleep 0.1; done; sleep 1000) | tail -c 999999999"
)
LEAK = _FILLS.format(steps=9999)
"""tail keeps what it reads: some 6 MiB a second."""
BOUNDED_LEAK = _FILLS.format(steps=60)
"""Until it has 45 MiB of its 64."""

FILLED = "(head -c 40000000 /dev/zero; sleep 1000) | tail -c 999999999"
"""38 MiB at once."""


def run_pod(plane: ControlPlane, namespace: str, name: str, script: str, **more: Any) -> None:
    """A pod of the node that runs a line in busybox's shell, with 64 MiB."""
    resources = {"limits": {"memory": "64Mi"}, "requests": {"cpu": "50m"}}
    container = {
        "name": "build", "image": BUSYBOX, "imagePullPolicy": "Never",
        "command": ["/bin/sh", "-c", script], "resources": resources,
    }  # fmt: skip
    plane.create(
        f"/api/v1/namespaces/{namespace}/pods",
        metadata={"name": name, **more},
        spec={
            "nodeName": NODE, "hostNetwork": True, "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1, "tolerations": [{"operator": "Exists"}],
            "automountServiceAccountToken": False, "containers": [container],
        },
    )  # fmt: skip
