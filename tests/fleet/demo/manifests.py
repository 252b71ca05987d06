"""The manifests of deploy/kubernetes, changed for a node whose pods have the loopback alone."""

import json
import os
from pathlib import Path
from typing import Any

from tests.support.build import ROOT

_POLICY = """
[serve]
comm = ["*"]
cgroup = ["{pods}"]

[[policy]]
name = "evict"
match.job_kind = "kubernetes"
match.cgroup = "*"
grace = "0s"
when = [{{ detector = "level", bound = "50%" }}]
then = [
    {{ action = "capture" }},
    {{ action = "annotate" }},
    {{ action = "pod", grace = "5s" }},
]
"""


def write_overlay(folder: Path, *, image: str, api_port: int, port: int, pods: str) -> Path:
    """A kustomization on top of the base and what an agent that acts needs.

    `pods` is the cgroup of the node's pods; `port` is where the agent listens.
    """
    name, _, tag = image.rpartition(":")
    probe = {"httpGet": {"host": "127.0.0.1", "port": port}}
    container: dict[str, Any] = {
        "name": "ebpftrace",
        "args": ["serve", "--listen", f"127.0.0.1:{port}"],
        "env": [
            {"name": "KUBERNETES_SERVICE_HOST", "value": "127.0.0.1"},
            {"name": "KUBERNETES_SERVICE_PORT", "value": str(api_port)},
        ],
        **dict.fromkeys(("startupProbe", "livenessProbe", "readinessProbe"), probe),
        "ports": [{"name": "metrics", "containerPort": 9435, "$patch": "delete"}],
    }
    patch = {
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "ebpftrace"},
        "spec": {"template": {"spec": {"hostNetwork": True, "containers": [container]}}},
    }  # fmt: skip
    there = ROOT / "deploy" / "kubernetes"
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "ebpftrace",
        "resources": [os.path.relpath(there / "base", folder)],
        "components": [os.path.relpath(there / "components" / "acting", folder)],
        "images": [{"name": "localhost/ebpftrace", "newName": name, "newTag": tag}],
        "configMapGenerator": [
            {"name": "ebpftrace-policy", "behavior": "replace", "files": ["policy.toml"]}
        ],
        "patches": [{"path": "patch.json"}],
    }
    (folder / "policy.toml").write_text(_POLICY.format(pods=pods), encoding="utf-8")
    (folder / "patch.json").write_text(json.dumps(patch), encoding="utf-8")
    file = folder / "kustomization.yaml"
    file.write_text(json.dumps(kustomization), encoding="utf-8")  # JSON is YAML
    return folder
