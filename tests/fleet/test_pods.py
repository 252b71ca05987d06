"""Pods are known by a watch on a real API server: names, states, and what was missed."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ebpftrace.kubernetes.account import ServiceAccount
from ebpftrace.kubernetes.client import ApiClient, ApiError
from ebpftrace.kubernetes.pods import KnownPods
from ebpftrace.kubernetes.watcher import PodWatcher
from tests.fleet.control_plane import ControlPlane
from tests.fleet.objects import CONTAINER_ID, create_pod, delete_pod, report_oom
from tests.fleet.proxy import Proxy
from tests.support.patience import patient

SECONDS = patient(60.0)


class Watched:
    """A watcher, and how a test waits for it."""

    def __init__(self, account: ServiceAccount) -> None:
        self._changed = threading.Condition()
        self.known = KnownPods(keep_seconds=600.0)
        self.watcher = PodWatcher(
            ApiClient(account), account.node, self.known, longest_pause=0.2,
            on_change=self._change,
        )  # fmt: skip

    def until(self, ask: Callable[[], bool]) -> None:
        with self._changed:
            while not ask():
                assert self._changed.wait_for(ask, 0.2) or self._wait(), self.watcher.status

    def _wait(self) -> bool:
        self._left = getattr(self, "_left", SECONDS) - 0.2
        return self._left > 0

    def _change(self) -> None:
        with self._changed:
            self._changed.notify_all()


@contextmanager
def watching(account: ServiceAccount) -> Iterator[Watched]:
    watched = Watched(account)
    watched.watcher.start()
    try:
        yield watched
    finally:
        watched.watcher.stop(SECONDS)


def agent(plane: ControlPlane, node: str = "n1", port: int = 0) -> ServiceAccount:
    return plane.account("agent", plane.token("agents", "agent"), node, port)


def test_the_pods_of_this_node_have_names_and_states(
    plane: ControlPlane, namespace: str
) -> None:
    before = create_pod(plane, namespace, "before", labels={
        "actions.github.com/scale-set-name": "arc", "actions.github.com/organization": "acme",
    })  # fmt: skip
    other = create_pod(plane, namespace, "elsewhere", node="n2")
    with watching(agent(plane)) as watched:
        watched.until(lambda: before in watched.known.now)
        later = create_pod(plane, namespace, "later")
        watched.until(lambda: later in watched.known.now)
        report_oom(plane, namespace, "later")
        watched.until(lambda: watched.known.now[later].containers[0].restarts == 2)
        pod = watched.known.now[later]
        assert (pod.namespace, pod.name, pod.node) == (namespace, "later", "n1")
        container = pod.container((CONTAINER_ID,))
        assert container is not None
        assert container.name == "build"
        assert container.memory_limit_bytes == 64 << 20
        assert container.last_reason == "OOMKilled"
        assert watched.known.now[before].run.runner == "arc"
        assert other not in watched.known.now
        assert watched.watcher.status.connected


def test_a_pod_that_came_and_went_while_the_api_was_away_gets_its_name(
    plane: ControlPlane, namespace: str
) -> None:
    with Proxy(plane.port) as proxy, watching(agent(plane, port=proxy.port)) as watched:
        first = create_pod(plane, namespace, "first")
        watched.until(lambda: first in watched.known.now)
        proxy.cut()
        assert proxy.refused.wait(SECONDS)
        watched.until(lambda: not watched.watcher.status.connected)
        assert watched.known.now[first].name == "first"  # what was known stays
        short = create_pod(plane, namespace, "short")
        delete_pod(plane, namespace, "short")
        proxy.mend()
        watched.until(lambda: short in watched.known.now)
        assert watched.known.now[short].name == "short"
        assert watched.watcher.status.connected
        assert watched.watcher.lists == 1


def test_what_the_api_has_forgotten_is_listed_again(
    plane: ControlPlane, namespace: str
) -> None:
    with Proxy(plane.port) as proxy, watching(agent(plane, port=proxy.port)) as watched:
        first = create_pod(plane, namespace, "first")
        watched.until(lambda: first in watched.known.now)
        proxy.cut()
        assert proxy.refused.wait(SECONDS)
        second = create_pod(plane, namespace, "second")
        plane.restart_apiserver()
        proxy.mend()
        watched.until(lambda: second in watched.known.now)
        assert watched.watcher.lists == 2
    path = "/api/v1/pods?watch=true&resourceVersion=1&timeoutSeconds=30"
    with ApiClient(agent(plane)).watch(path, SECONDS) as events:
        event = next(iter(events))
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)


def test_an_account_without_rights_is_told_so(plane: ControlPlane) -> None:
    token = plane.token("agents", "powerless")
    with watching(plane.account("powerless", token, "n1")) as watched:
        watched.until(lambda: "403" in watched.watcher.status.trouble)
        assert "cannot list resource" in watched.watcher.status.trouble
        assert not watched.watcher.status.connected


def test_a_token_that_was_replaced_is_used_from_the_next_request_on(
    plane: ControlPlane,
) -> None:
    account = plane.account("rotating", "expired", "n1")
    client = ApiClient(account)
    with pytest.raises(ApiError) as refused:
        client.call("GET", "/api/v1/pods?limit=1")
    assert refused.value.status == 401
    (account.folder / "token").write_text(plane.token("agents", "agent"), encoding="ascii")
    assert client.call("GET", "/api/v1/pods?limit=1")["kind"] == "PodList"


def test_a_server_with_another_certificate_gets_no_token(plane: ControlPlane) -> None:
    account = plane.account("deceived", "secret", "n1")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null",
         "-subj", "/CN=127.0.0.1", "-out", str(account.folder / "ca.crt")],
        check=True, capture_output=True,
    )  # fmt: skip
    with pytest.raises(ApiError, match="certificate verify failed"):
        ApiClient(account).call("GET", "/api/v1/pods?limit=1")
