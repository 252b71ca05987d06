"""Kubernetes pods, by the pod's uid in the cgroup path that the kubelet makes.

cgroupfs driver: /kubepods/burstable/podUID/CONTAINER; systemd driver:
/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID.slice/RUNTIME-ID.scope,
with the uid's dashes as underscores. A static pod's uid is 32 hex digits without dashes.

A container that the kubelet restarts has a new id and a new path, but keeps its name: the
file that the kubelet mounts on /dev/termination-log is below pods/UID/containers/NAME.
Source: kubernetes/kubernetes, pkg/kubelet/cm (cgroup_manager_linux.go and
pod_container_manager_linux.go) and pkg/kubelet/kuberuntime/kuberuntime_container.go
(makeMounts).
"""

import re
from collections.abc import Iterable

from ebpftrace.host.environ import Environ
from ebpftrace.host.mounts import Mount
from ebpftrace.jobs import containers
from ebpftrace.jobs.ci.run import NAME_WIDTH, word
from ebpftrace.jobs.location import JobLocation
from ebpftrace.text import clean

KINDS = ("kubernetes",)

_POD = re.compile(
    r"kubepods.*?[/-]pod"
    r"([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?=[/.:]|$)"
)
_CONTAINER_NAME = r"/pods/{uid}/containers/([a-z0-9][a-z0-9-]{{0,62}})/"


def locate(
    path: str, environ: Environ | None, mounts: Iterable[Mount] = ()
) -> JobLocation | None:
    """The pod; its name from HOSTNAME where the kubelet's KUBERNETES_SERVICE_HOST is set.

    `mounts` are those of the process. Where they do not show the container's name, all
    containers of the pod share one `restart_id`.
    """
    uid = pod_uid(path)
    if not uid:
        return None
    container = containers.container_id(path)
    by = f"pod uid {uid} in the cgroup path"
    name = f"pod {uid[:8]}"
    if environ is not None and "KUBERNETES_SERVICE_HOST" in environ:
        host = word(environ, "HOSTNAME")
        if host:
            name, by = clean(host, NAME_WIDTH), f"{by}, name from HOSTNAME"
    if container:
        by = f"{by}, container {container[:12]}"
    restart_id = "/".join(filter(None, (uid, _container_name(uid, mounts))))
    return JobLocation("kubernetes", name, by, restart_id=restart_id)


def is_pod(path: str) -> bool:
    """Whether the kubelet made this path."""
    return _POD.search(path) is not None


def pod_uid(path: str) -> str:
    """The uid of the pod in a path that the kubelet made, with dashes; else ""."""
    match = _POD.search(path)
    return match[1].replace("_", "-") if match else ""


def _container_name(uid: str, mounts: Iterable[Mount]) -> str:
    wanted = re.compile(_CONTAINER_NAME.format(uid=uid))
    found = (wanted.search(mount.root) for mount in mounts)
    return next((match[1] for match in found if match), "")
