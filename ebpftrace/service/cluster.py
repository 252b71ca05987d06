"""What a service asks the Kubernetes API, and what it publishes of that."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from ebpftrace.kubernetes.pod import Pod
from ebpftrace.kubernetes.status import ApiStatus
from ebpftrace.units import NS_PER_SECOND

if TYPE_CHECKING:
    from ebpftrace.kubernetes.account import ServiceAccount

_KEEP_SECONDS = 120.0
"""How long deleted pods are kept beyond the series of their jobs."""


class ClusterState(NamedTuple):
    """What is known now: pods by the uid in their cgroup's path, and how the API does."""

    pods: Mapping[str, Pod]
    api: ApiStatus


class Cluster:
    """The threads that talk to the API; `state` never waits for them."""

    def __init__(self, account: "ServiceAccount", keep_ended_ns: int) -> None:
        from ebpftrace.kubernetes.client import ApiClient
        from ebpftrace.kubernetes.pods import KnownPods
        from ebpftrace.kubernetes.watcher import PodWatcher

        keep_seconds = keep_ended_ns / NS_PER_SECOND + _KEEP_SECONDS
        self._watcher = PodWatcher(ApiClient(account), account.node, KnownPods(keep_seconds))

    def start(self) -> None:
        """Ask from here on."""
        self._watcher.start()

    def stop(self) -> None:
        """Ask no more."""
        self._watcher.stop()

    def state(self) -> ClusterState:
        return ClusterState(self._watcher.pods.now, self._watcher.status)


NO_PODS: Mapping[str, Pod] = MappingProxyType({})
