"""What a service asks the Kubernetes API and writes there, and what it publishes of that."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from ebpftrace.kubernetes.pod import Pod
from ebpftrace.kubernetes.status import ApiStatus
from ebpftrace.units import NS_PER_SECOND

if TYPE_CHECKING:
    from ebpftrace.kubernetes.account import ServiceAccount

NO_PODS: Mapping[str, Pod] = MappingProxyType({})
NOTHING: Mapping[str, int] = MappingProxyType({})

_LAST_SECONDS = 2.0
_KEEP_SECONDS = 120.0
"""How long deleted pods are kept beyond the series of their jobs."""


class ClusterState(NamedTuple):
    """What is known now: pods by the uid in their cgroup's path, and how the API does."""

    pods: Mapping[str, Pod]
    api: ApiStatus
    events: Mapping[str, int] = NOTHING  # by what became of them


class Cluster:
    """The threads that talk to the API; `state` never waits for them."""

    def __init__(self, account: "ServiceAccount", keep_ended_ns: int) -> None:
        from ebpftrace.kubernetes.client import ApiClient
        from ebpftrace.kubernetes.pods import KnownPods
        from ebpftrace.kubernetes.recorder import EventRecorder
        from ebpftrace.kubernetes.watcher import PodWatcher

        keep_seconds = keep_ended_ns / NS_PER_SECOND + _KEEP_SECONDS
        client, pods = ApiClient(account), KnownPods(keep_seconds)
        self._watcher = PodWatcher(client, account.node, pods)
        self.recorder = EventRecorder(client, account.node, pods)
        self.node = account.node

    def start(self) -> None:
        """Ask from here on."""
        self._watcher.start()
        self.recorder.start()

    def stop(self) -> None:
        """Write the last events, for two seconds at most, and ask no more."""
        self.recorder.stop(_LAST_SECONDS)
        self._watcher.stop()

    def pod_name(self, uid: str) -> str:
        """What the API calls the pod with this uid in its cgroup's path; "" if not known."""
        pod = self._watcher.pods.now.get(uid)
        return "" if pod is None else pod.name

    def state(self) -> ClusterState:
        return ClusterState(self._watcher.pods.now, self._watcher.status, self.recorder.counts)
