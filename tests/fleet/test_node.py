"""`ebpftrace serve` on a node with a real kubelet and containerd: what their pods do, and what
becomes of it, read back with kubectl.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.control_plane import ControlPlane
from tests.fleet.node import NODE, Node
from tests.fleet.node_pods import BOUNDED_LEAK, LEAK, run_pod
from tests.fleet.serving import environment_of, events
from tests.support.serving import SECONDS, Serve

pytestmark = pytest.mark.kernel

MIB = 1 << 20
POLICY = """
[[policy]]
name = "evict"
grace = "0s"
match.job_kind = "kubernetes"
when = [{{ detector = "level", bound = "50%" }}]
then = [
    {{ action = "capture", folder = "{folder}/evidence" }},
    {{ action = "annotate" }},
    {{ action = "pod", grace = "1s" }},
]
"""


@pytest.fixture(scope="module")
def node(plane: ControlPlane) -> Iterator[Node]:
    with Node(plane) as running:
        yield running


def state(plane: ControlPlane, namespace: str, name: str) -> dict[str, Any]:
    """The pod as kubectl has it; {} where it is gone."""
    said = plane.kubectl(
        "get", "pod", name, "-n", namespace, "-o", "json", "--ignore-not-found"
    )
    found: dict[str, Any] = json.loads(said or "{}")
    return found


def until(node: Node, ask: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not ask():
        assert time.monotonic() < end, node.log
        time.sleep(0.1)


def serve(plane: ControlPlane, node: Node, folder: Path, *options: str) -> Serve:
    account = plane.account("agent", plane.token("agents", "agent"), NODE)
    return Serve(
        "--comm", "*", "--cgroup", node.pods, "--kubernetes", "--no-history",
        "--audit", str(folder / "audit.jsonl"), *options, environment=environment_of(account),
    )  # fmt: skip


def infos(served: Serve) -> dict[str, dict[str, str]]:
    """The labels of the jobs by their pod."""
    family = served.metrics().get("ebpftrace_job")
    return {one.labels["pod"]: one.labels for one in (family.samples if family else ())
            if one.labels.get("container")}  # fmt: skip


def test_a_leaking_pod_is_killed_and_describe_says_of_what(
    plane: ControlPlane, node: Node, namespace: str, tmp_path: Path
) -> None:
    with serve(plane, node, tmp_path) as served:
        served.wait_until_ready()
        run_pod(plane, namespace, "leaky", LEAK, annotations={
            "job.runner.gitlab.com/id": "3", "job.runner.gitlab.com/name": "build-job",
            "job.runner.gitlab.com/url": "https://gitlab.example/acme/app/-/jobs/3",
        })  # fmt: skip
        until(node, lambda: "MemoryOom" in events(plane, namespace))
        said = plane.kubectl("describe", "pod", "leaky", "-n", namespace)
        until(node, lambda: state(plane, namespace, "leaky")["status"]["phase"] == "Failed")
        served.until(lambda: "leaky" in infos(served))
        labels = infos(served)["leaky"]
        assert (labels["namespace"], labels["container"]) == (namespace, "build")
        assert (labels["repository"], labels["job"]) == ("acme/app", "build-job")
        reason = "ebpftrace_job_container_last_terminated"
        served.until(lambda: served.value(reason, reason="OOMKilled") == 1)
    assert "MemoryOom" in said.partition("Events:")[2]
    event = events(plane, namespace)["MemoryOom"]
    assert event["involvedObject"]["name"] == "leaky"
    assert "kubernetes/leaky" in event["message"]


def test_a_leaking_pod_is_evicted_before_its_limit_and_its_neighbour_is_not(
    plane: ControlPlane, node: Node, namespace: str, tmp_path: Path
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(POLICY.format(folder=tmp_path))
    file.chmod(0o644)
    with serve(plane, node, tmp_path, "--config", str(file)) as served:
        served.wait_until_ready()
        run_pod(plane, namespace, "quiet", "sleep 1000")
        run_pod(plane, namespace, "leaky", BOUNDED_LEAK)
        until(node, lambda: "MemoryIncidentHelped" in events(plane, namespace))
        until(node, lambda: not state(plane, namespace, "leaky"))
        until(node, lambda: state(plane, namespace, "quiet")["status"]["phase"] == "Running")
        found = events(plane, namespace)
    assert "MemoryOom" not in found
    assert "evidence at n1:" in found["MemoryIncidentHelped"]["message"]
    lines = (tmp_path / "audit.jsonl").read_text().splitlines()
    steps = {one.get("action"): one for one in map(json.loads, lines) if one["type"] == "step"}
    assert steps["annotate"]["status"] == "done"
    assert steps["pod"]["detail"] == (
        f"pod {namespace}/leaky is evicted, and the process has ended"
    )


def test_a_pod_that_lives_for_a_moment_has_its_name(
    plane: ControlPlane, node: Node, namespace: str, tmp_path: Path
) -> None:
    with serve(plane, node, tmp_path, "--keep-ended", "1h") as served:
        served.wait_until_ready()
        run_pod(plane, namespace, "short", "sleep 1")
        served.until(lambda: "short" in infos(served))
        until(node, lambda: state(plane, namespace, "short")["status"]["phase"] == "Succeeded")
        plane.kubectl("delete", "pod", "short", "-n", namespace, "--wait=true")
        assert infos(served)["short"]["namespace"] == namespace
