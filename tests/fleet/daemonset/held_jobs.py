"""Pods of CI, one of which an agent freezes until its webhook was answered."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.fleet.daemonset.agent import Agent, freezer_states
from tests.fleet.node_pods import FILLED, run_pod

POLICY = """
[serve]
comm = ["*"]
cgroup = ["{pods}"]

[[policy]]
name = "hold"
match.job_kind = "kubernetes"
match.cgroup = "*"
grace = "0s"
when = [{{ detector = "level", bound = "50%" }}]
then = [
    {{ action = "freeze" }},
    {{ action = "notify", url = "{url}", retries = 100, timeout = "10m" }},
]
"""


class Webhook:
    """A server that answers no request until `may_answer` is set."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.may_answer.wait()
                with contextlib.suppress(OSError):  # it has waited too long for this one
                    self.send_response(204)
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing: it is no part of the test."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.may_answer.set()
        self._server.shutdown()
        self._server.server_close()


class Jobs:
    """Two pods of CI; about one of them there is an incident, in which it is frozen."""

    def __init__(self, agent: Agent, hook: Webhook, namespace: str) -> None:
        self._agent, self._hook, self._namespace = agent, hook, namespace
        hook.may_answer.clear()
        agent.plane.namespace(namespace)
        before = len(agent.audit())
        for name, script in (("quiet", "sleep 1000"), ("full", FILLED)):
            run_pod(agent.plane, namespace, name, script)
        agent.until(lambda: "notify" in [one.get("action") for one in agent.audit()[before:]])
        (self.incident,) = of_type("incident", agent.audit()[before:])
        agent.until(lambda: len(self._read()) == 2)
        self._pods = self._read()
        agent.until(lambda: self.frozen)

    def __enter__(self) -> "Jobs":
        return self

    def __exit__(self, *_: object) -> None:
        self._hook.may_answer.set()
        self._agent.until(lambda: not self.frozen)  # else they could not end
        self._agent.plane.kubectl("delete", "pods", "--all", "--now", "-n", self._namespace)

    def _read(self) -> dict[str, tuple[str, int]]:
        """By the name of each that runs, as the API has it: its container and first process."""
        said = self._agent.plane.kubectl("get", "pods", "-n", self._namespace, "-o", "json")
        found = {}
        for pod in json.loads(said)["items"]:
            for status in pod["status"].get("containerStatuses", []):
                if "running" in status["state"]:
                    pid = self._agent.pid(pod)
                    found[pod["metadata"]["name"]] = (status["containerID"], pid)
        return found

    @property
    def frozen(self) -> bool:
        states = freezer_states(self._agent.node)
        return any(it.read_text().strip() != "THAWED" for it in states)

    def end_incident(self) -> None:
        """Have the incident that there is now end, and wait for that."""
        before = len(of_type("outcome", self._agent.audit()))
        self._hook.may_answer.set()
        self._agent.until(lambda: len(of_type("outcome", self._agent.audit())) > before)

    def assert_untouched(self) -> None:
        """The same processes run in the same containers."""
        assert not self.frozen
        assert self._read() == self._pods


def of_type(kind: str, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in lines if one["type"] == kind]
