"""What each path answers."""

import json
import time
from collections.abc import Mapping
from http import HTTPStatus

import pytest

from ebpftrace.service.http.answer import Answer
from ebpftrace.service.http.app import App
from ebpftrace.service.http.passwords import Passwords, TooManyTriesError
from ebpftrace.service.http.request import HttpRequest
from ebpftrace.service.metrics.page import MetricsPage
from ebpftrace.service.state import State
from tests.support import watches


class OneUser(Passwords):
    """Allows "right", and refuses to check "again"."""

    def __init__(self) -> None:
        pass

    def allow(self, authorization: str) -> bool:
        if authorization == "again":
            raise TooManyTriesError
        return authorization == "right"


def running() -> State:
    state = State()
    snapshot = watches.example()._replace(monotonic_ns=time.monotonic_ns())
    state.publish(started=watches.started(), snapshot=snapshot)
    return state


def ask(
    path: str,
    state: State | None = None,
    method: str = "GET",
    passwords: Passwords | None = None,
    query: str = "",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    app = App(state or running(), MetricsPage(20_000), {}, passwords)
    made = app.answer(HttpRequest(method, path, query, headers or {}))
    assert isinstance(made, Answer)
    return made


def test_a_running_watch_is_alive_and_ready() -> None:
    assert ask("/healthz").status == ask("/readyz").status == HTTPStatus.OK
    assert b"ok   programs: attached\n" in ask("/readyz").body


def test_a_starting_one_is_alive_and_not_ready() -> None:
    assert ask("/healthz", State()).status == HTTPStatus.OK
    assert ask("/readyz", State()).status == HTTPStatus.SERVICE_UNAVAILABLE


def test_one_whose_loop_hangs_is_neither() -> None:
    state = running()
    old = watches.example()._replace(monotonic_ns=time.monotonic_ns() - 60 * 10**9)
    state.publish(snapshot=old)
    for path in ("/healthz", "/readyz"):
        answer = ask(path, state)
        assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE
        assert b"FAIL loop: no snapshot for " in answer.body


def test_one_that_has_ended_is_not_alive() -> None:
    state = State()
    state.publish(over=True)
    assert ask("/healthz", state).status == HTTPStatus.SERVICE_UNAVAILABLE


def test_json_has_the_reasons() -> None:
    state = running()
    state.publish(acts=True, audit_trouble="disk full")
    answer = ask("/readyz", state, query="format=json")
    assert answer.content_type == "application/json"
    found = json.loads(answer.body)
    assert found["ok"] is False
    assert {"name": "audit", "ok": False, "detail": "disk full"} in found["checks"]


def test_metrics_are_in_the_format_and_coding_that_was_asked_for() -> None:
    answer = ask("/metrics", headers={"accept": "application/openmetrics-text;version=1.0.0"})
    assert answer.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert answer.body.endswith(b"# EOF\n")
    packed = ask("/metrics", headers={"accept-encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.content_type.startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("right", HTTPStatus.OK),
        ("wrong", HTTPStatus.UNAUTHORIZED),
        ("again", HTTPStatus.TOO_MANY_REQUESTS),
        ("", HTTPStatus.UNAUTHORIZED),
    ],
)
def test_metrics_need_a_password_where_there_is_one(header: str, status: HTTPStatus) -> None:
    headers = {"authorization": header}
    answer = ask("/metrics", passwords=OneUser(), headers=headers)
    assert answer.status == status
    if status == HTTPStatus.UNAUTHORIZED:
        assert b'WWW-Authenticate: Basic realm="ebpftrace"' in answer.head()
        assert b"ebpftrace_job" not in answer.body
    assert ask("/healthz", passwords=OneUser()).status == HTTPStatus.OK


def test_other_paths_and_methods_are_refused() -> None:
    assert ask("/").status == HTTPStatus.OK
    assert ask("/x").status == HTTPStatus.NOT_FOUND
    assert ask("/metrics", method="POST").status == HTTPStatus.METHOD_NOT_ALLOWED


def test_past_incidents_need_the_password_too() -> None:
    for path in ("/v1/incidents", "/v1/incidents/x", "/v1/incidents/"):
        assert ask(path, passwords=OneUser()).status == HTTPStatus.UNAUTHORIZED
    assert ask("/v1/incidentsx", passwords=OneUser()).status == HTTPStatus.NOT_FOUND
