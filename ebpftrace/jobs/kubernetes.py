"""Kubernetes pods, by the pod's uid in the path the kubelet makes.

cgroupfs driver: /kubepods/burstable/podUID/CONTAINER; systemd driver:
/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID.slice/RUNTIME-ID.scope,
with the uid's dashes as underscores. A static pod's uid is 32 hex digits without dashes.
Source: kubernetes/kubernetes, pkg/kubelet/cm (cgroup_manager_linux.go and
pod_container_manager_linux.go).
"""

import re

from ebpftrace.host.environ import Environ
from ebpftrace.jobs import containers
from ebpftrace.jobs.place import Place
from ebpftrace.jobs.run import NAME_WIDTH, word
from ebpftrace.text import clean

_POD = re.compile(
    r"kubepods.*?[/-]pod"
    r"([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?=[/.:]|$)"
)


def locate(path: str, environ: Environ | None) -> Place | None:
    """The pod; its name from HOSTNAME where the kubelet's KUBERNETES_SERVICE_HOST is set."""
    match = _POD.search(path)
    if match is None:
        return None
    uid = match[1].replace("_", "-")
    container = containers.container_id(path)
    by = f"pod uid {uid} in the cgroup path"
    name = f"pod {uid[:8]}"
    if environ is not None and "KUBERNETES_SERVICE_HOST" in environ:
        host = word(environ, "HOSTNAME")
        if host:
            name, by = clean(host, NAME_WIDTH), f"{by}, name from HOSTNAME"
    if container:
        by = f"{by}, container {container[:12]}"
    return Place("kubernetes", name, by)
