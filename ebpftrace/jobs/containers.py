"""Containers of docker, containerd, CRI-O and podman, by the id in the cgroup path.

docker: /docker/ID or docker-ID.scope; containerd: cri-containerd-ID.scope,
SLICE:cri-containerd:ID, nerdctl-ID.scope; CRI-O: crio-ID.scope or crio-ID; podman:
/libpod_parent/libpod-ID, libpod-ID.scope or libpod-payload-ID (--cgroups=split). An id is
64 hex digits. The monitors beside them (crio-conmon-ID, libpod-conmon-ID) are no containers.
Source: opencontainers/runc, libcontainer/cgroups; containers/podman,
libpod/container_internal_linux.go; cri-o/cri-o, internal/config/cgmgr.
"""

import re

from ebpftrace.jobs.location import JobLocation

_RUNTIMES = {
    "docker": "docker",
    "cri-containerd": "containerd",
    "nerdctl": "containerd",
    "crio": "cri-o",
    "libpod": "podman",
    "libpod-payload": "podman",
}
_OTHER_RUNTIME = "container"

KINDS = (*dict.fromkeys(_RUNTIMES.values()), _OTHER_RUNTIME)

_CONTAINER = re.compile(
    r"(?:(?<=/)|(?<=:)|^)"
    r"(?:(docker|cri-containerd|nerdctl|crio|libpod-payload|libpod)[-/:])?"
    r"([0-9a-f]{64})(?:\.scope)?(?=/|$)"
)


def container_id(path: str) -> str | None:
    """The innermost container's id in a path, 64 hex digits."""
    found = _CONTAINER.findall(path)
    return found[-1][1] if found else None


def locate(path: str) -> JobLocation | None:
    """The innermost container whose runtime the path names, else the innermost of any."""
    for runtime, container in reversed(_CONTAINER.findall(path)):
        if runtime:
            return _location(_RUNTIMES[runtime], container)
    container_only = container_id(path)
    return _location(_OTHER_RUNTIME, container_only) if container_only else None


def _location(kind: str, container: str) -> JobLocation:
    short = container[:12]
    return JobLocation(kind, f"{kind} {short}", f"container id {short} in the cgroup path")
