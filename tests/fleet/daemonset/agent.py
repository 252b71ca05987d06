"""The agent's own manifests on a node of the tests: this checkout stands for the image."""

import contextlib
import json
import os
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from itertools import count
from pathlib import Path
from typing import Any

from tests.fleet.control_plane import ControlPlane, free_port
from tests.fleet.image import BUSYBOX
from tests.fleet.node import Node
from tests.support.build import ROOT
from tests.support.cgroups import memory_hierarchy
from tests.support.patience import patient

SECONDS = patient(240.0)  # the first start compiles the programs
_NAMESPACE = "ebpftrace"
_VERSIONS = count(2)
_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
_MOUNTED = sorted({"/usr", "/lib", "/lib64", str(ROOT), sys.prefix, sys.base_prefix})
"""What Python, bcc and ebpftrace are made of."""


class Agent:
    """A DaemonSet with one pod, on a node with its machine's pids."""

    def __init__(
        self, plane: ControlPlane, node: Node, manifests: str, policy: str = ""
    ) -> None:
        """Applies the manifests, with this policy file where one is given."""
        self.plane, self.node, self.port = plane, node, free_port()
        said = plane.kubectl("apply", "--dry-run=client", "-o", "json", "-f", "-",
                             stdin=manifests)  # fmt: skip
        objects = json.loads(said)["items"]
        for one in objects:
            if one["kind"] == "DaemonSet":
                self._adapt(one["spec"]["template"]["spec"])
            elif one["kind"] == "ConfigMap" and policy:
                one["data"]["policy.toml"] = policy
        made = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        plane.kubectl("apply", "--server-side", "-f", "-", stdin=made)

    def _adapt(self, spec: dict[str, Any]) -> None:
        """Pods here have the host's network alone, and the image has only busybox."""
        (container,) = spec["containers"]
        spec["hostNetwork"] = True
        container |= {
            "image": BUSYBOX, "imagePullPolicy": "Never", "workingDir": str(ROOT),
            "command": [sys.executable, "-m", "ebpftrace"],
        }  # fmt: skip
        container["args"] = [
            f"127.0.0.1:{self.port}" if one == "0.0.0.0:9435" else one
            for one in container["args"]
        ]
        container["env"] += [
            {"name": "KUBERNETES_SERVICE_HOST", "value": "127.0.0.1"},
            {"name": "KUBERNETES_SERVICE_PORT", "value": str(self.plane.port)},
        ]
        container["ports"][0]["containerPort"] = self.port
        for probe in _PROBES:
            container[probe]["periodSeconds"] = 1
            container[probe]["failureThreshold"] = int(SECONDS)
            container[probe]["httpGet"]["host"] = "127.0.0.1"
        for number, path in enumerate(_MOUNTED):
            name = f"code-{number}"
            spec["volumes"].append({"name": name, "hostPath": {"path": path}})
            container["volumeMounts"].append(
                {"name": name, "mountPath": path, "readOnly": True}
            )

    def upgrade(self) -> None:
        """Another template of its pod, as an upgrade has it."""
        metadata = {"annotations": {"it.example/version": str(next(_VERSIONS))}}
        change = json.dumps({"spec": {"template": {"metadata": metadata}}})
        self.plane.kubectl("patch", "daemonset", "ebpftrace", "-n", _NAMESPACE, "-p", change)

    def until(self, ask: Callable[[], object]) -> None:
        """Wait for it; fails with what the agent and the node wrote."""
        end = time.monotonic() + SECONDS
        while not ask():
            if time.monotonic() > end:
                said = self.plane.kubectl("get", "events,pods", "-A")
                raise AssertionError(f"{said}\n{self.log}\n{self.node.log}")
            time.sleep(0.1)

    @property
    def log(self) -> str:
        """What its containers wrote last."""
        return self.node.pod_log(f"{_NAMESPACE}_")

    def pods(self) -> list[dict[str, Any]]:
        """Its pods as the API has them, also one that is ending."""
        said = self.plane.kubectl("get", "pods", "-n", _NAMESPACE, "-o", "json")
        found: list[dict[str, Any]] = json.loads(said)["items"]
        return found

    def pod(self) -> dict[str, Any]:
        """Its one pod once that is ready."""
        self.until(lambda: [is_ready(one) for one in self.pods()] == [True])
        return self.pods()[0]

    def pod_after(self, pod: dict[str, Any]) -> dict[str, Any]:
        """The pod in the place of this one, once that is gone and the new one is ready."""
        self.until(lambda: uid_of(pod) not in map(uid_of, self.pods()))
        return self.pod()

    def pid(self, pod: dict[str, Any]) -> int:
        """The first process of its container, which all others there come from."""
        parents = {pid: _parent(pid) for pid in pids_of(self.node, pod)}
        (found,) = (pid for pid, parent in parents.items() if parent and parent not in parents)
        return found

    def get(self, path: str, context: ssl.SSLContext | None = None, **headers: str) -> int:
        """The status of an answer; by TLS with a context. 0 without an answer."""
        made = (
            HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
            if context is None
            else HTTPSConnection("127.0.0.1", self.port, timeout=SECONDS, context=context)
        )
        with contextlib.closing(made) as client, contextlib.suppress(OSError, HTTPException):
            client.request("GET", path, headers=headers)
            return client.getresponse().status
        return 0

    def audit(self) -> list[dict[str, Any]]:
        """The lines of its audit log on the node. ValueError for one that is not JSON."""
        text = self._audit_text()
        whole = text[: text.rfind("\n") + 1]
        return [json.loads(line) for line in whole.splitlines()]

    def assert_log_is_whole(self) -> None:
        """Each line of its audit log is an object, and the last one ends."""
        text = self._audit_text()
        assert text.endswith("\n")
        assert all(isinstance(json.loads(line), dict) for line in text.splitlines())

    def _audit_text(self) -> str:
        file = self.node.path("/var/log/ebpftrace/audit.jsonl")
        return file.read_text(encoding="utf-8") if file.exists() else ""


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether all its containers are, and it is not to end."""
    statuses = pod["status"].get("containerStatuses", [])
    wanted = "deletionTimestamp" not in pod["metadata"]
    return wanted and bool(statuses) and all(one["ready"] for one in statuses)


def uid_of(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["uid"])


def pids_of(node: Node, pod: dict[str, Any]) -> set[int]:
    """All processes of its one container."""
    name = pod["status"]["containerStatuses"][0]["containerID"].partition("://")[2]
    top = memory_hierarchy()[0] / node.pods.strip("/")
    return {
        int(pid) for file in top.glob(f"**/{name}/cgroup.procs")
        for pid in file.read_text().split()
    }  # fmt: skip


def freezer_states(node: Node) -> Iterator[Path]:
    """The files that say, and set, whether the cgroups of its pods are frozen."""
    top = memory_hierarchy()[0].parent / "freezer" / node.pods.strip("/")
    for folder, _, files in os.walk(top):
        if "freezer.state" in files:
            yield Path(folder, "freezer.state")


def _parent(pid: int) -> int:
    """0 for a process that has ended."""
    with contextlib.suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        return int(stat.rpartition(")")[2].split()[1])
    return 0
