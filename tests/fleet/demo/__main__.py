"""Starts it all, has one of three CI pods leak, shows what Kubernetes and Prometheus say."""

import contextlib
import json
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fleet.control_plane import ControlPlane, free_port, tool
from tests.fleet.demo.manifests import write_overlay
from tests.fleet.node import Node
from tests.fleet.node_pods import BOUNDED_LEAK, run_pod
from tests.support.build import ROOT
from tests.support.patience import patient
from tests.support.prometheus import Prometheus, scraping

IMAGE = ROOT / "dist" / "ebpftrace-image.tar"
_RULES = ROOT / "deploy" / "prometheus" / "ebpftrace.rules.yml"
_NAMESPACE = "ci"
_SECONDS = patient(180.0)
_NOT_HERE = 69


class DemoError(Exception):
    """What did not come; says which."""


def say(text: str) -> None:
    print(text, flush=True)


def until(what: str, ask: Callable[[], bool]) -> None:
    """Wait for it. DemoError if it does not come."""
    end = time.monotonic() + _SECONDS
    while not ask():
        if time.monotonic() > end:
            raise DemoError(what)
        time.sleep(0.2)


def demo(folder: Path, image: Path) -> None:
    """All of it. DemoError for what did not come; pytest's Skipped for what is not here."""
    with contextlib.ExitStack() as stack:
        began = time.monotonic()
        plane = stack.enter_context(ControlPlane(folder))
        plane.start_controllers()
        say(f"the control plane runs: {_since(began)}")
        node = stack.enter_context(Node(plane, host_pids=True, images=[image]))
        say(f"kubelet and containerd, with the image of ebpftrace: {_since(began)}")
        plane.namespace(_NAMESPACE)
        port = free_port()
        overlay = folder / "overlay"
        overlay.mkdir()
        write_overlay(
            overlay, image=_name_of(image), api_port=plane.port, port=port, pods=node.pods
        )
        plane.kubectl("apply", "--server-side", "-k", str(overlay))
        stack.push(lambda kind, _error, _trace: _explain(kind, plane, node))
        until("the DaemonSet is not ready", lambda: _is_ready(plane))
        say(f"the DaemonSet is ready: {_since(began)}")
        prometheus = stack.enter_context(scraping(port, folder, _RULES))
        until("Prometheus has no scrape", lambda: bool(prometheus.query("up == 1")))
        say(f"Prometheus scrapes it: {_since(began)}")
        for name, script in (
            ("lint", "sleep 1000"),
            ("test", "head -c 12000000 /dev/zero | tail -c 12000000 >/dev/null; sleep 1000"),
            ("build", BOUNDED_LEAK),
        ):
            run_pod(plane, _NAMESPACE, name, script)
        say("three CI pods run with 64 MiB each; build leaks …")
        _show(plane, prometheus)
        say(f"all of it: {_since(began)}")


def _explain(kind: type[BaseException] | None, plane: ControlPlane, node: Node) -> None:
    if kind is DemoError:
        say(plane.kubectl("get", "events", "-A"))
        say(node.pod_log("ebpftrace_"))


def _show(plane: ControlPlane, prometheus: Prometheus) -> None:
    until("no incident has ended", lambda: "MemoryIncidentHelped" in _events(plane))
    say("\n$ kubectl get events -n ci --field-selector involvedObject.name=build")
    say(_events(plane))
    until("the pod is still there", lambda: "build" not in _pods(plane))
    say("$ kubectl get pods -n ci")
    say(_pods(plane))
    # An alert may have ended by now, as the memory that it was about is free.
    fired = 'max_over_time(ALERTS{alertstate="firing", alertname=~"EbpftraceJob.*"}[10m])'
    until("no alert has fired", lambda: bool(prometheus.query(fired)))
    say("alerts that fired:")
    for one in prometheus.query(fired):
        labels = one["metric"]
        shown = ("alertname", "severity", "job_name", "detector")
        say("  " + ", ".join(f"{name}={labels[name]}" for name in shown if name in labels))


def _events(plane: ControlPlane) -> str:
    return plane.kubectl(
        "get", "events", "-n", _NAMESPACE, "--field-selector", "involvedObject.name=build",
        "--sort-by=.metadata.creationTimestamp",
    )  # fmt: skip


def _pods(plane: ControlPlane) -> str:
    return plane.kubectl("get", "pods", "-n", _NAMESPACE)


def _is_ready(plane: ControlPlane) -> bool:
    said = plane.kubectl("get", "daemonset", "ebpftrace", "-n", "ebpftrace", "-o", "json")
    return bool(json.loads(said)["status"].get("numberReady") == 1)


def _name_of(image: Path) -> str:
    """What it is called, by docker's manifest in it."""
    with tarfile.open(image) as tar:
        file = tar.extractfile("manifest.json")
        assert file is not None
        return str(json.load(file)[0]["RepoTags"][0])


def _since(began: float) -> str:
    return f"{time.monotonic() - began:.1f} s"


def main() -> int:
    if not IMAGE.exists():
        say(f"there is no image in {IMAGE.parent}: make image")
        return _NOT_HERE
    tool("kube-controller-manager")
    with tempfile.TemporaryDirectory(prefix="ebpftrace-fleet-") as folder:
        demo(Path(folder), IMAGE)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DemoError as error:
        sys.exit(f"{error} after {_SECONDS:.0f} s")
    except pytest.skip.Exception as error:
        say(str(error))
        sys.exit(_NOT_HERE)
