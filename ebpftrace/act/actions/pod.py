"""pod: have Kubernetes evict or delete the pod that the process is in.

An eviction honours PodDisruptionBudgets; a deletion does not. Both name the pod's uid, so that
no later pod of that name is hit. Only pods of this node are looked at, which NODE_NAME names.
Source: kubernetes.io/docs/concepts/scheduling-eviction/api-eviction.
"""

import os
import select
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Annotated, Literal

from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.actions.support.background import Background
from ebpftrace.act.actions.support.running import Ended, Running, finished
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.identity import RefusedError, Target, open_process
from ebpftrace.act.process.own_pod import require_other_pod
from ebpftrace.errors import GoneError
from ebpftrace.jobs.kubernetes import pod_uid
from ebpftrace.units import NS_PER_SECOND

if TYPE_CHECKING:
    from ebpftrace.kubernetes.node_pods import FoundPod, NodePods

_LOOK_MS = 200


@dataclass(frozen=True, slots=True)
class PodOptions:
    """The options of one step."""

    how: Annotated[
        Literal["evict", "delete"],
        "an eviction is refused where a PodDisruptionBudget forbids it",
    ] = "evict"
    grace_ns: Annotated[
        int | None, "duration", "how long it may take to end; by default what the pod says"
    ] = None

    def __post_init__(self) -> None:
        # 0 s would remove the pod from the API at once, whether or not it has ended.
        if self.grace_ns is not None and self.grace_ns < NS_PER_SECOND:
            raise ValueError("grace is shorter than 1 s")


def start(incident: Incident, options: PodOptions) -> Running:
    """Refused for a process that has changed, outside pods, and for ebpftrace's own pod."""
    try:
        uid = pod_of(incident)
        require_other_pod(uid)
        os.close(open_process(incident.target))
    except (GoneError, RefusedError) as error:
        return finished(StepStatus.SKIPPED, error.what)
    target = incident.target
    return Background("pod", target, lambda cancelled: _end(uid, target, options, cancelled))


def pod_of(incident: Incident) -> str:
    """The uid in the part of its cgroup's path that the job did not choose. RefusedError."""
    uid = pod_uid(incident.target.given_path or incident.job.given_path)
    if not uid:
        raise RefusedError("the process is in no pod")
    return uid


def _end(uid: str, target: Target, options: PodOptions, cancelled: Event) -> Ended:
    from ebpftrace.kubernetes.node_pods import NodePods

    try:
        process = open_process(target)
    except (GoneError, RefusedError) as error:
        return Ended(StepStatus.SKIPPED, error.what)
    try:
        pods = NodePods.open()
        pod = pods.find(uid)
        require_other_pod(uid, pod.namespace, pod.name, pods.own_namespace)
        done = _ask(pods, pod, options)
        if not _has_ended(process, cancelled):
            return Ended(StepStatus.FAILED, f"{done}, and the process has not ended")
        return Ended(StepStatus.DONE, f"{done}, and the process has ended")
    except RefusedError as error:
        return Ended(StepStatus.SKIPPED, error.what)
    finally:
        os.close(process)


def _ask(pods: "NodePods", pod: "FoundPod", options: PodOptions) -> str:
    seconds = None if options.grace_ns is None else -(-options.grace_ns // NS_PER_SECOND)
    if options.how == "evict":
        pods.evict(pod, seconds)
        return f"pod {pod.in_words} is evicted"
    pods.delete(pod, seconds)
    return f"pod {pod.in_words} is deleted"


def _has_ended(process: int, cancelled: Event) -> bool:
    """Once it has; False if the step was cancelled before."""
    waiting = select.poll()
    waiting.register(process, select.POLLIN)
    while not cancelled.is_set():
        if waiting.poll(_LOOK_MS):
            return True
    return False


ACTION = Action(
    name="pod",
    options=PodOptions,
    doc="have Kubernetes evict or delete the pod, and wait until the process has ended",
    timeout_ns=60 * NS_PER_SECOND,
    start=start,
    prepare=None,
    concurrent=False,
    after_outcome=False,
    informational=False,
    temporary=False,
    spends_budget=True,
    saves_evidence=False,
    awaits_evidence=True,
)
