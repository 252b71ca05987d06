"""What a container runtime knows of a job's container, which the job cannot choose.

Docker keeps the container's configuration in /var/lib/docker/containers/ID/config.v2.json:
its image, and the labels that a CI runner gave it. The kubelet keeps a pod's logs in
/var/log/pods/NAMESPACE_NAME_UID. Both are readable by root only.
Source: moby/moby, daemon/container/container.go (Container.ToDisk); kubernetes/kubernetes,
pkg/kubelet/kuberuntime/helpers.go (BuildPodLogsDirectory);
docs.gitlab.com/runner/executors/docker.
"""

import json
import os
import re
from pathlib import Path

from ebpftrace.jobs import containers, kubernetes
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.jobs.run_parts import MARK, without_run_parts
from ebpftrace.text import clean

_MAX_BYTES = 1 << 20
_MAX_PODS = 10_000
_LABELS = {
    "com.gitlab.gitlab-runner.project.id": "project",
    "com.docker.compose.service": "service",
}
_LONG_NUMBER = re.compile(r"[0-9]{5,}")


def runtime_name(job: JobIdentity, root: Path = Path("/")) -> str:
    """`image golang:1.26, project 12` or `pod ci/runner-*-project-12`; "" if unknown.

    It reads files: not for a thread that must not wait.
    """
    path = job.given_path or job.cgroup
    uid = kubernetes.pod_uid(path)
    if uid:
        return _pod(uid, root / "var/log/pods")
    container = containers.container_id(path)
    return _docker(root / f"var/lib/docker/containers/{container}") if container else ""


def _docker(folder: Path) -> str:
    try:
        with (folder / "config.v2.json").open("rb") as file:
            config = json.loads(file.read(_MAX_BYTES))["Config"]
        image, labels = config["Image"], config.get("Labels") or {}
        known = [f"{word} {labels[name]}" for name, word in _LABELS.items() if name in labels]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""
    return clean(", ".join((f"image {image}", *known))) if image else ""


def _pod(uid: str, folder: Path) -> str:
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number >= _MAX_PODS:
                    break
                namespace, _, name = entry.name.removesuffix(f"_{uid}").partition("_")
                if entry.name.endswith(f"_{uid}") and name:
                    return clean(f"pod {namespace}/{_stable(name)}")
    except OSError:
        return ""
    return ""


def _stable(pod: str) -> str:
    """A pod's name without random parts; short numbers may be a project's, and stay."""
    parts = (part if part.isdigit() else without_run_parts(part) for part in pod.split("-"))
    return "-".join(_LONG_NUMBER.sub(MARK, part) for part in parts)
