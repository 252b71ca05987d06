"""ebpftrace's own pod, which no action ends."""

import os
from collections.abc import Mapping

from ebpftrace.act.process.identity import RefusedError, own_ancestry
from ebpftrace.host.cgroups import memory_cgroup
from ebpftrace.jobs.kubernetes import pod_uid

_UID_VARIABLES = ("POD_UID", "K8S_POD_UID")
_NAME_VARIABLES = ("POD_NAME", "K8S_POD_NAME", "HOSTNAME")


def require_other_pod(
    uid: str,
    namespace: str = "",
    name: str = "",
    own_namespace: str = "",
    environ: Mapping[str, str] = os.environ,
) -> None:
    """RefusedError if this is our own pod: by its cgroup or, where a cgroup namespace hides
    that, by what its manifest set.
    """
    ours = uid in {environ.get(variable) for variable in _UID_VARIABLES}
    named = bool(namespace) and namespace == own_namespace
    ours |= named and name in {environ.get(variable) for variable in _NAME_VARIABLES}
    if ours or any(pod_uid(memory_cgroup(pid) or "") == uid for pid in own_ancestry()):
        raise RefusedError("ebpftrace itself runs in this pod")
