"""`ebpftrace serve` with a real API server: a real process in the cgroup that a kubelet would
have made for its pod.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fleet.control_plane import ControlPlane
from tests.fleet.objects import CONTAINER_ID, create_pod, delete_pod, report_oom
from tests.fleet.proxy import Proxy
from tests.fleet.serving import environment_of, events
from tests.support.acting import policy
from tests.support.cgroups import memory_cgroup
from tests.support.serving import SECONDS, Serve
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

MIB = 1 << 20
NAME = f"kuber{os.getpid()}"[:15]


def serve(plane: ControlPlane, folder: Path, *options: str, port: int = 0) -> Serve:
    """As the agent of node n1."""
    account = plane.account("agent", plane.token("agents", "agent"), "n1", port)
    audit = ("--audit", str(folder / "audit.jsonl"), "--no-history")
    environment = environment_of(account)
    return Serve("--comm", NAME, "--kubernetes", *audit, *options, environment=environment)


def path_of(uid: str) -> str:
    return f"kubepods/burstable/pod{uid}/{CONTAINER_ID}"


def info(served: Serve) -> dict[str, str]:
    """The labels of the one job."""
    family = served.metrics().get("ebpftrace_job")
    return family.samples[0].labels if family and family.samples else {}


def until(ask: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not ask():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_job_has_the_names_of_its_pod_and_an_oom_kill_is_an_event(
    plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    uid = create_pod(plane, namespace, "leaky", labels={
        "actions.github.com/scale-set-name": "arc", "actions.github.com/organization": "acme",
    })  # fmt: skip
    report_oom(plane, namespace, "leaky")
    with (
        memory_cgroup(64 * MIB, path_of(uid)) as group,
        serve(plane, tmp_path) as served,
        Workload(NAME, cgroup=group) as work,
    ):
        served.wait_until_ready()
        served.until(lambda: served.value("ebpftrace_job_container_restarts") == 2)
        labels = info(served)
        assert (labels["namespace"], labels["pod"]) == (namespace, "leaky")
        assert (labels["container"], labels["runner"]) == ("build", "arc")
        assert "ok   kubernetes: pods known:" in served.get("/readyz")[1]
        work.do("map 128MiB")
        with contextlib.suppress(OSError, EOFError, AssertionError):
            work.do("touch 0")  # it is killed meanwhile
        until(lambda: "MemoryOom" in events(plane, namespace))
        said = plane.kubectl("describe", "pod", "leaky", "-n", namespace)
    assert "MemoryOom" in said.partition("Events:")[2]
    event = events(plane, namespace)["MemoryOom"]
    assert event["type"] == "Warning"
    assert event["involvedObject"]["fieldPath"] == "spec.containers{build}"
    assert event["reportingInstance"] == "n1"


def test_a_policy_evicts_the_pod_and_says_why(
    plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    uid = create_pod(plane, namespace, "leaky")
    file = policy(
        tmp_path, then='{ action = "annotate" }, { action = "pod" }', comm=NAME,
        when='{ detector = "level", bound = "50%" }',
    )  # fmt: skip
    with (
        memory_cgroup(256 * MIB, path_of(uid)) as group,
        serve(plane, tmp_path, "--config", str(file)) as served,
        Workload(NAME, cgroup=group) as work,
    ):
        served.wait_until_ready()
        work.do("map 160MiB")
        work.do("touch 0")

        def gone() -> bool:
            left = plane.kubectl("get", "pods", "-n", namespace, "-o", "name")
            return not left.strip()

        until(gone)
        os.kill(work.pid, signal.SIGKILL)  # as a kubelet does then
        wanted = {"MemoryLevel", "MemoryActionDone", "MemoryIncidentHelped"}
        until(lambda: wanted <= events(plane, namespace).keys())
        found = events(plane, namespace)
    evidence = next((tmp_path / "evidence").iterdir())
    assert f"evidence at n1:{evidence}" in found["MemoryIncidentHelped"]["message"]
    log = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    details = {one.get("action"): one["detail"] for one in log if one["type"] == "step"}
    assert details["annotate"] == f"pod {namespace}/leaky is annotated"
    assert details["pod"].startswith(f"pod {namespace}/leaky is evicted")


def test_while_the_api_is_away_the_watch_is_as_without_it(
    plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    with (
        Proxy(plane.port) as proxy,
        serve(plane, tmp_path, "--keep-ended", "1h", port=proxy.port) as served,
    ):
        served.wait_until_ready()
        served.until(lambda: "pods known" in served.get("/readyz")[1])
        proxy.cut()
        assert proxy.refused.wait(SECONDS)
        served.until(lambda: "kubernetes: not for" in served.get("/readyz")[1])
        uid = create_pod(plane, namespace, "short")
        with memory_cgroup(64 * MIB, path_of(uid)) as group:
            with Workload(NAME, cgroup=group) as work:
                work.do("map 32MiB")
                work.do("touch 0")
                served.until(lambda: info(served).get("kind") == "kubernetes")
            assert "pod" not in info(served)
        delete_pod(plane, namespace, "short")
        served.until(lambda: served.value("ebpftrace_job_running") == 0)
        proxy.mend()
        served.until(lambda: info(served).get("pod") == "short")


def test_kubernetes_without_an_account_is_refused(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("KUBERNETES")}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "ebpftrace", "serve", "--kubernetes", "--listen", "127.0.0.1:0"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "there is no service account here" in done.stderr
