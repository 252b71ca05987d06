"""Containers of docker, containerd, CRI-O and podman, by the id in the cgroup path.

docker: /docker/ID or docker-ID.scope; containerd: cri-containerd-ID.scope,
SLICE:cri-containerd:ID, nerdctl-ID.scope; CRI-O: crio-ID.scope or crio-ID; podman:
/libpod_parent/libpod-ID, libpod-ID.scope or libpod-payload-ID (--cgroups=split). An id is
64 hex digits. The monitors beside them (crio-conmon-ID, libpod-conmon-ID) are no containers.
Source: opencontainers/runc, libcontainer/cgroups; containers/podman,
libpod/container_internal_linux.go; cri-o/cri-o, internal/config/cgmgr.

A step of an image build is a container as well. BuildKit: /docker/buildkit/ID in docker,
PARENT/buildkit/ID elsewhere, docker-ID.scope or buildkit-ID.scope with systemd; its ids are 25
digits and letters. Buildah: buildah-NAME. Source: moby/buildkit, identity/randomid.go and
executor/oci/spec_linux.go; containers/buildah, run_common.go.
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
    "buildkit": "buildkit",
    "buildah": "buildah",
}
_OTHER_RUNTIME = "container"

KINDS = (*dict.fromkeys(_RUNTIMES.values()), _OTHER_RUNTIME)

_CONTAINER = re.compile(
    r"(?:(?<=/)|(?<=:)|^)"
    r"(?:"
    r"(?:(docker|cri-containerd|nerdctl|crio|libpod-payload|libpod)[-/:])?([0-9a-f]{64})"
    r"|(?:(docker)/)?(?:(buildkit)[-/:])([0-9a-z]{12,64})"
    r"|(docker)-([0-9a-z]{25})(?=\.scope)"
    r"|(buildah)-(buildah[0-9]{1,20}|[0-9a-f]{12,64})"
    r")(?:\.scope)?(?=/|$)"
)


def container_id(path: str) -> str | None:
    """The innermost container's id in a path: 64 hex digits, fewer of an image build."""
    return next((container for _, container in _innermost_first(path)), None)


def locate(path: str) -> JobLocation | None:
    """The innermost container whose runtime the path names, else the innermost of any."""
    found = _innermost_first(path)
    for runtime, container in found:
        if runtime:
            return _location(_RUNTIMES[runtime], container)
    return _location(_OTHER_RUNTIME, found[0][1]) if found else None


def _innermost_first(path: str) -> list[tuple[str, str]]:
    """(runtime, id) of every container on the path; the runtime is "" if it is not named."""
    pairs = (
        [group for group in match.groups() if group] for match in _CONTAINER.finditer(path)
    )
    return [(parts[0] if len(parts) > 1 else "", parts[-1]) for parts in pairs][::-1]


def _location(kind: str, container: str) -> JobLocation:
    short = container.removeprefix("buildah")[:12]
    return JobLocation(kind, f"{kind} {short}", f"container id {short} in the cgroup path")
