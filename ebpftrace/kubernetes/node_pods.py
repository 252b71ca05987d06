"""What is done to a pod of this node: it is found by its uid among those, and named by it."""

from typing import NamedTuple, Self
from urllib.parse import urlencode

from ebpftrace.errors import EbpftraceError
from ebpftrace.kubernetes.account import FOLDER_VARIABLE, ServiceAccount, find_account
from ebpftrace.kubernetes.client import MERGE_PATCH, METADATA_LIST, ApiClient
from ebpftrace.kubernetes.lists import Object
from ebpftrace.kubernetes.pod import parse_pod

_ANSWER_SECONDS = 30.0
"""The API server itself tries an eviction for 10 s where the uid is not the pod's."""


class FoundPod(NamedTuple):
    """A pod of this node."""

    uid: str
    namespace: str
    name: str

    @property
    def in_words(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"


class NodePods:
    """Asks the API as this node's agent. Every method raises ApiError if that refuses."""

    def __init__(self, account: ServiceAccount) -> None:
        self._client, self.node = ApiClient(account, _ANSWER_SECONDS), account.node
        self.own_namespace = account.namespace()

    @classmethod
    def open(cls) -> Self:
        """With the service account of this pod. EbpftraceError outside a cluster."""
        account = find_account()
        if account is None:
            raise EbpftraceError(
                "no service account for the Kubernetes API",
                why=f"neither in a pod nor in {FOLDER_VARIABLE}",
            )
        if not account.node:
            raise EbpftraceError(
                "NODE_NAME is not set", why="only pods of this node are touched"
            )
        return cls(account)

    def find(self, uid: str) -> FoundPod:
        """The pod with this uid. EbpftraceError if there is none on this node, or the kubelet
        runs it from a file: what is done to its mirror changes nothing.
        """
        asked = {"fieldSelector": f"spec.nodeName={self.node}", "resourceVersion": "0"}
        found = self._client.items(f"/api/v1/pods?{urlencode(asked)}", METADATA_LIST)
        next(found)
        for one in found:
            pod = parse_pod(one)
            if pod is not None and pod.cgroup_uid == uid:
                if pod.is_static:
                    raise EbpftraceError(f"pod {pod.namespace}/{pod.name} is a static pod")
                return FoundPod(uid, pod.namespace, pod.name)
        raise EbpftraceError(f"node {self.node} has no pod {uid}")

    def evict(self, pod: FoundPod, grace_seconds: int | None) -> None:
        """End it, unless a PodDisruptionBudget forbids that: ApiError with status 429."""
        body: Object = {
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": pod.name, "namespace": pod.namespace},
            "deleteOptions": _options(pod, grace_seconds),
        }  # fmt: skip
        self._client.call("POST", f"{pod.path}/eviction", body)

    def delete(self, pod: FoundPod, grace_seconds: int | None) -> None:
        """End it, whatever budgets say."""
        self._client.call("DELETE", pod.path, _options(pod, grace_seconds))

    def annotate(self, pod: FoundPod, annotations: dict[str, str | None]) -> None:
        """Set these; None removes one that is there."""
        body: Object = {"metadata": {"uid": pod.uid, "annotations": annotations}}
        self._client.call("PATCH", pod.path, body, content_type=MERGE_PATCH)


def _options(pod: FoundPod, grace_seconds: int | None) -> Object:
    options: Object = {
        "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": pod.uid},
    }  # fmt: skip
    return options if grace_seconds is None else options | {"gracePeriodSeconds": grace_seconds}
