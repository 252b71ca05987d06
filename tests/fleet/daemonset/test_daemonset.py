"""The agent's DaemonSet on a real kubelet and containerd, with its real controller: its pod is
killed and upgraded in the middle of an incident, and serves with the chart's Secrets.
"""

import base64
import contextlib
import os
import signal
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.chart import chart
from tests.fleet.control_plane import ControlPlane
from tests.fleet.daemonset.agent import Agent, freezer_states, uid_of
from tests.fleet.daemonset.held_jobs import POLICY, Jobs, Webhook, of_type
from tests.fleet.node import Node
from tests.support import cli
from tests.support.build import ROOT

pytestmark = pytest.mark.kernel

WATCHES_NOTHING = '[serve]\ncomm = ["no-such-name"]\n'


@pytest.fixture(scope="module")
def hook() -> Iterator[Webhook]:
    with contextlib.closing(Webhook()) as made:
        yield made


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory, hook: Webhook) -> Iterator[Agent]:
    with (
        ControlPlane(tmp_path_factory.mktemp("agent")) as plane,
        Node(plane, host_pids=True) as node,
    ):
        plane.start_controllers()
        overlay = ROOT / "deploy/kubernetes/overlays/privileged"
        policy = POLICY.format(pods=node.pods, url=hook.url)
        made = Agent(plane, node, plane.kubectl("kustomize", str(overlay)), policy)
        made.pod()
        try:
            yield made
        finally:
            for file in freezer_states(node):  # else what is frozen could not end
                file.write_text("THAWED")


def test_killed_in_an_incident_it_says_so_and_acts_again(agent: Agent, hook: Webhook) -> None:
    pod = agent.pod()
    with Jobs(agent, hook, "killed") as jobs:
        before = len(agent.audit())
        os.kill(agent.pid(pod), signal.SIGKILL)
        agent.until(lambda: of_type("incident", agent.audit()[before:]))
        jobs.end_incident()
        jobs.assert_untouched()
    agent.until(lambda: [restarts(one) for one in agent.pods()] == [1])
    now, later = agent.pod(), agent.audit()[before:]
    (abandoned,) = of_type("abandoned", later)
    assert abandoned["incident"] == jobs.incident["incident"]
    assert abandoned["restored"]
    assert f"in the middle of incident {abandoned['incident']}" in agent.log
    (again,) = of_type("incident", later)
    assert again["facts"]["cgroup"] == jobs.incident["facts"]["cgroup"]
    assert uid_of(now) == uid_of(pod)
    (status,) = now["status"]["containerStatuses"]
    assert status["lastState"]["terminated"]["exitCode"] == 128 + signal.SIGKILL
    agent.assert_log_is_whole()


def test_upgraded_in_an_incident_it_ends_that_and_the_new_one_watches(
    agent: Agent, hook: Webhook
) -> None:
    pod = agent.pod()
    with Jobs(agent, hook, "upgraded") as jobs:
        before = len(agent.audit())
        agent.upgrade()
        now = agent.pod_after(pod)
        (ended,) = of_type("outcome", agent.audit()[before:])
        assert ended["incident"] == jobs.incident["incident"]
        assert ended["restored"]
        assert "the watch ended" in ended["sentence"]
        name = now["metadata"]["name"]
        said = "policy hold does nothing in full: the job is in its cool-down"
        agent.until(lambda: said in agent.node.pod_log(f"ebpftrace_{name}_"))
        jobs.assert_untouched()
    assert "it.example/version" in now["metadata"]["annotations"]
    assert of_type("abandoned", agent.audit()[before:]) == []
    agent.assert_log_is_whole()


def restarts(pod: dict[str, Any]) -> int:
    return sum(one["restartCount"] for one in pod["status"].get("containerStatuses", []))


def test_the_chart_s_secrets_protect_the_metrics(agent: Agent, tmp_path: Path) -> None:
    """By a password and TLS: the kubelet mounts them, and its own probes need no password."""
    before, plane = agent.pod(), agent.plane
    piped = ("sh", "-c", 'echo pw | "$@"', "-")
    hashed = cli.ebpftrace("serve", "--hash-password", before=piped).stdout.strip()
    crt, key = tmp_path / "crt", tmp_path / "key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", crt],
        check=True, capture_output=True,
    )  # fmt: skip
    plane.kubectl("create", "secret", "generic", "users", "-n", "ebpftrace",
                  f"--from-literal=users=prometheus:{hashed}")  # fmt: skip
    plane.kubectl("create", "secret", "tls", "certificate", "-n", "ebpftrace",
                  f"--cert={crt}", f"--key={key}")  # fmt: skip
    manifests = chart("authSecret=users", "tlsSecret=certificate").stdout
    secured = Agent(plane, agent.node, manifests, WATCHES_NOTHING)
    secured.pod_after(before)
    by_tls = ssl.create_default_context(cafile=crt)
    right, wrong = (
        "Basic " + base64.b64encode(f"prometheus:{password}".encode()).decode()
        for password in ("pw", "no")
    )
    assert secured.get("/metrics", by_tls, Authorization=right) == 200
    assert secured.get("/v1/incidents", by_tls, Authorization=right) == 200
    assert secured.get("/metrics", by_tls) == 401
    assert secured.get("/metrics", by_tls, Authorization=wrong) == 401
    assert secured.get("/metrics", Authorization=right) == 0
