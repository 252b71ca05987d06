"""Kubernetes pods, by the pod's uid in the cgroup path that the kubelet makes.

cgroupfs driver: /kubepods/burstable/podUID/CONTAINER; systemd driver:
/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID.slice/RUNTIME-ID.scope,
with the uid's dashes as underscores. A static pod's uid is 32 hex digits without dashes.
Where the kubelet has the systemd driver and containerd has not, containers are in
SERVICE/kubepods-burstable-podUID.slice:cri-containerd:ID.

Only such a path is a pod's, from the root on: a job may name its own cgroups like a pod's.
Before it there may be the node, if that is a container (kind, k3d, minikube), and one name, the
kubelet's `--cgroup-root` (`/kubelet`, `/kubelet.slice/kubelet-kubepods.slice`). Where ebpftrace
is in a pod with a cgroup namespace of its own, a path begins with `/..` and any part of the
kubelet's own names. What was delegated to a job is not asked: see `CgroupPaths.given_part`.

With `hostNetwork` the kubelet sets HOSTNAME to the node's name. Source: kubernetes/kubernetes,
pkg/kubelet/kubelet_pods.go (GeneratePodHostNameAndDomain) and the runtimes.

A container that the kubelet restarts has a new id and a new path. Its name is that of a folder:
the file that the kubelet mounts on /dev/termination-log is below pods/UID/containers/NAME.
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

_CONTAINER = r"[0-9a-f]{64}"
_NODE = (
    rf"/docker/{_CONTAINER}|/system\.slice/docker-{_CONTAINER}\.scope"
    rf"|/libpod_parent/libpod-{_CONTAINER}|/machine\.slice/libpod-{_CONTAINER}\.scope"
)
_UID = r"(?P<uid>[0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})"
_CLASS = r"(?:burstable|besteffort)"
_SERVICES = r"(?:containerd|crio|docker|kubelet|k3s|k3s-agent|rke2-server|rke2-agent)"
# The node, if it is a container, and the kubelet's --cgroup-root: one name, as X or X.slice.
_ROOT = rf"(?P<root>(?:/\.\.)+|(?:(?:{_NODE})(?:/container)?)?(?:/[^/]+)?)"
_SLICES = rf"(?P<root>(?:/\.\.)+|(?:(?:{_NODE})(?:/container)?)?(?:/(?P<name>[^/]+)\.slice)?)"
_KUBEPODS = r"(?(name)(?P=name)-)kubepods"
_POD_SLICE = rf"kubepods(?:-{_CLASS})?-pod{_UID}\.slice"
_PODS = tuple(
    re.compile(f"{path}(?=/|$)")
    for path in (
        rf"{_ROOT}/kubepods(?:/{_CLASS})?/pod{_UID}",
        rf"{_SLICES}/{_KUBEPODS}\.slice(?:/{_KUBEPODS}-{_CLASS}\.slice)?"
        rf"/{_KUBEPODS}(?:-{_CLASS})?-pod{_UID}\.slice",
        rf"(?P<root>(?:{_NODE})?)(?:/system\.slice/{_SERVICES}\.service)?"
        rf"/{_POD_SLICE}:(?:cri-containerd|crio|docker):{_CONTAINER}",
        rf"(?P<root>(?:/\.\.)+)(?:/{_CLASS})?/pod{_UID}",
        rf"(?P<root>(?:/\.\.)+)(?:/(?:[^/]+-)?kubepods-{_CLASS}\.slice)?/(?:[^/]+-)?{_POD_SLICE}",
    )
)
_CONTAINER_NAME = r"/pods/{uid}/containers/([a-z0-9][a-z0-9-]{{0,62}})/"


# As manifests call metadata.name and spec.nodeName of the downward API.
_POD_VARIABLES = ("POD_NAME", "K8S_POD_NAME", "KUBERNETES_POD_NAME", "MY_POD_NAME")
NODE_VARIABLES = ("NODE_NAME", "K8S_NODE_NAME", "KUBERNETES_NODE_NAME", "MY_NODE_NAME")


def locate(
    path: str,
    environ: Environ | None,
    mounts: Iterable[Mount] = (),
    node_names: Iterable[str] = (),
    api_name: str = "",
) -> JobLocation | None:
    """The pod, by a name of its own where the kubelet's KUBERNETES_SERVICE_HOST is set.

    Its name is `api_name`, what the Kubernetes API calls it, else POD_NAME, else HOSTNAME if
    that is not the node's: one of `node_names`, or NODE_NAME. Else the container's name stands
    for it. `mounts` are those of the process. All containers of a pod share one `restart_id`:
    their names are in these mounts, which the runtime makes once the first process is there.
    """
    uid = pod_uid(path)
    if not uid:
        return None
    container = containers.container_id(path)
    by = f"pod uid {uid} in the cgroup path"
    name = f"pod {uid[:8]}"
    container_name = _container_name(uid, mounts)
    if api_name:
        name, by = api_name, f"{by}, name from the Kubernetes API"
    elif environ is not None and "KUBERNETES_SERVICE_HOST" in environ:
        variable = _naming_variable(environ, {*map(_host_part, node_names)})
        if variable:
            name, by = word(environ, variable), f"{by}, name from {variable}"
        elif container_name:
            name, by = container_name, f"{by}, name of the container"
    if container:
        by = f"{by}, container {container[:12]}"
    # What is below another node has budgets of its own, whatever it is called.
    restart_id = "/".join(filter(None, (_node(path), uid)))
    name = clean(name, NAME_WIDTH)
    return JobLocation("kubernetes", name, by, restart_id=restart_id)


def is_pod(path: str) -> bool:
    """Whether the kubelet made this path."""
    return _find(path) is not None


def pod_uid(path: str) -> str:
    """The uid of the pod in a path that the kubelet made, with dashes; else ""."""
    match = _find(path)
    return match["uid"].replace("_", "-") if match else ""


def _find(path: str) -> re.Match[str] | None:
    return next(filter(None, (pattern.match(path) for pattern in _PODS)), None)


def _node(path: str) -> str:
    """Where the kubelet's cgroups are, below the root; "" at the root or above it."""
    match = _find(path)
    return match["root"].replace("/..", "") if match else ""


def _naming_variable(environ: Environ, nodes: set[str]) -> str:
    """The variable that has the pod's name; "" if there is none, or it may be the node's."""
    for variable in _POD_VARIABLES:
        if word(environ, variable):
            return variable
    nodes |= {_host_part(word(environ, variable)) for variable in NODE_VARIABLES}
    host = word(environ, "HOSTNAME")
    return "HOSTNAME" if host and _host_part(host) not in nodes else ""


def _host_part(name: str) -> str:
    """A host's name without its domain, which one of two places may leave out."""
    return name.partition(".")[0].lower()


def _container_name(uid: str, mounts: Iterable[Mount]) -> str:
    wanted = re.compile(_CONTAINER_NAME.format(uid=uid))
    found = (wanted.search(mount.root) for mount in mounts)
    return next((match[1] for match in found if match), "")
