"""pod and annotate with a real API server: a real process stands for the pod's.

Without a kubelet a pod that is evicted has no process that ends, so the test ends its own once
the API no longer has the pod, or wants it deleted.
"""

import json
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.act.actions.annotate import AnnotateOptions
from ebpftrace.act.actions.pod import PodOptions
from ebpftrace.act.actions.support.running import Ended
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.kubernetes.client import ApiError
from ebpftrace.kubernetes.node_pods import FoundPod, NodePods
from tests.fleet.control_plane import ControlPlane
from tests.fleet.incidents import incident
from tests.fleet.objects import create_budget, create_pod, delete_pod, report_ready
from tests.fleet.serving import environment_of
from tests.support.incidents import act


@pytest.fixture
def pods(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> NodePods:
    """The agent's, as the actions have it by their environment."""
    return as_agent(plane, monkeypatch, "agent")


def as_agent(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, name: str) -> NodePods:
    account = plane.account(name, plane.token("agents", name), "n1")
    for variable, value in environment_of(account).items():
        monkeypatch.setenv(variable, value)
    return NodePods(account)


def stands(plane: ControlPlane, namespace: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        plane.kubectl("get", "pod", name, "-n", namespace, "-o", "json", "--ignore-not-found")
        or "{}"
    )
    return found


def end_with_its_pod(plane: ControlPlane, namespace: str, of: Incident) -> threading.Thread:
    """End the process once the pod is gone or is to go, as a kubelet does."""

    def run() -> None:
        while (found := stands(plane, namespace, "build")) and not found["metadata"].get(
            "deletionTimestamp"
        ):
            time.sleep(0.05)
        subprocess.run(["kill", str(of.target.key.pid)], check=True)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("how", ["evict", "delete"])
def test_the_pod_is_ended_and_its_process_waited_for(
    plane: ControlPlane, namespace: str, pods: NodePods, tmp_path: Path, how: Any
) -> None:
    uid = create_pod(plane, namespace, "build")
    with incident(tmp_path, uid) as it:
        kubelet = end_with_its_pod(plane, namespace, it)
        ended = act("pod", it, PodOptions(how))
        kubelet.join()
    assert ended.status is StepStatus.DONE, ended
    done = "evicted" if how == "evict" else "deleted"
    assert ended.detail == f"pod {namespace}/build is {done}, and the process has ended"


def test_a_budget_refuses_an_eviction_and_the_pod_stays(
    plane: ControlPlane, namespace: str, pods: NodePods, tmp_path: Path
) -> None:
    uid = create_pod(plane, namespace, "build", labels={"app": "build"})
    report_ready(plane, namespace, "build")
    create_budget(plane, namespace, "build")
    with incident(tmp_path, uid) as it:
        ended = act("pod", it, PodOptions())
    assert ended.status is StepStatus.FAILED
    assert "429" in ended.detail
    assert "disruption budget" in ended.detail
    assert "deletionTimestamp" not in stands(plane, namespace, "build")["metadata"]


def test_a_pod_of_another_node_is_not_touched(
    plane: ControlPlane, namespace: str, pods: NodePods, tmp_path: Path
) -> None:
    uid = create_pod(plane, namespace, "build", node="n2")
    with incident(tmp_path, uid) as it:
        ended: Ended = act("pod", it, PodOptions("delete"))
        annotated = act("annotate", it, AnnotateOptions())
    for one in (ended, annotated):
        assert one.status is StepStatus.FAILED
        assert one.detail == f"node n1 has no pod {uid}"
    assert stands(plane, namespace, "build")["metadata"].get("annotations") is None


def test_a_later_pod_of_that_name_is_not_hit(
    plane: ControlPlane, namespace: str, pods: NodePods
) -> None:
    found = pods.find(create_pod(plane, namespace, "build"))
    delete_pod(plane, namespace, "build")
    later = create_pod(plane, namespace, "build")
    calls: list[Callable[[], None]] = [
        partial(pods.evict, found, 1),
        partial(pods.delete, found, 1),
        partial(pods.annotate, found, {"ebpftrace/reason": "late"}),
    ]
    for call in calls:
        with pytest.raises(ApiError) as refused:
            call()
        assert refused.value.status in (409, 422)
    assert pods.find(later) == FoundPod(later, namespace, "build")
    assert "deletionTimestamp" not in stands(plane, namespace, "build")["metadata"]


def test_an_account_without_the_right_is_refused(
    plane: ControlPlane, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_agent(plane, monkeypatch, "powerless")
    uid = create_pod(plane, namespace, "build")
    with incident(tmp_path, uid) as it:
        ended = act("pod", it, PodOptions())
    assert ended.status is StepStatus.FAILED
    assert "403" in ended.detail


def test_the_reason_and_the_place_of_the_evidence_are_on_the_pod(
    plane: ControlPlane, namespace: str, pods: NodePods, tmp_path: Path
) -> None:
    uid = create_pod(plane, namespace, "build")
    with incident(tmp_path, uid) as it:
        assert act("annotate", it, AnnotateOptions()).status is StepStatus.DONE
        said = stands(plane, namespace, "build")["metadata"]["annotations"]
        assert said["ebpftrace/reason"] == it.finding.sentence
        assert (said["ebpftrace/incident"], said["ebpftrace/policy"]) == (it.id, it.policy)
        assert "ebpftrace/evidence" not in said
        later = replace(it, evidence=Path("/evidence/1"))
        ended = act("annotate", later, AnnotateOptions())
    assert ended.detail == f"pod {namespace}/build is annotated"
    said = stands(plane, namespace, "build")["metadata"]["annotations"]
    assert said["ebpftrace/evidence"] == "n1:/evidence/1"
