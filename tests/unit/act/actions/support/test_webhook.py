"""Webhooks whose server is slow, endless or hostile: each request ends, and says how."""

import threading

import pytest

from ebpftrace.act.actions.support.webhook import post
from tests.support.effort import effort_of
from tests.support.rude_servers import (
    ENDLESS,
    HUGE,
    REDIRECTS,
    REFUSED,
    Answer,
    redirect,
    rude_server,
)

SOON = 0.3
"""Each of these servers answers without end: only the deadline ends the request."""


def send(port: int, scheme: str = "http", **options: float) -> tuple[bool, str]:
    url = f"{scheme}://127.0.0.1:{port}/hook"
    return post(url, b"{}", {}, 0, threading.Event(), **options)


@pytest.mark.parametrize("answer", ENDLESS.values(), ids=ENDLESS)
def test_answer_without_an_end_is_cut_off(answer: Answer) -> None:
    with rude_server(answer) as server:
        assert send(server.port, answer_seconds=SOON) == (
            False, "webhook: no answer within 0.3 s",
        )  # fmt: skip
        assert server.closed.wait(60), "the connection is cut off"


@pytest.mark.parametrize("name", ["never answers", "a byte now and then"])
def test_tls_that_is_never_agreed_on_is_no_answer(name: str) -> None:
    with rude_server(ENDLESS[name]) as server:
        sent, answer = send(server.port, "https", answer_seconds=SOON)
        assert not sent and answer.startswith("webhook: ")
        assert server.closed.wait(60)


@pytest.mark.parametrize(("answer", "why"), REFUSED.values(), ids=REFUSED)
def test_answer_that_is_none_is_refused_in_one_printable_line(answer: Answer, why: str) -> None:
    with rude_server(answer) as server:
        sent, text = send(server.port)
        assert not sent
        assert why in text and text.isprintable() and len(text) < 300


@pytest.mark.parametrize("raw", REDIRECTS)
def test_redirect_is_followed_nowhere(raw: bytes) -> None:
    with rude_server(redirect(raw)) as server:
        sent, text = send(server.port)
        assert (sent, text) == (False, f"webhook answered {raw[9:12].decode()}")
        assert server.connections == 1


def test_huge_answer_is_not_read() -> None:
    with rude_server(HUGE) as server:
        send(server.port)  # what is imported for the first request does not count
        effort = effort_of(lambda: send(server.port))
        assert effort.result == (True, "webhook answered 200")
        assert effort.peak_bytes < 1 << 20


def test_cancelled_request_is_cut_off_before_its_deadline() -> None:
    cancelled = threading.Event()
    with rude_server(ENDLESS["never answers"]) as server:
        results: list[tuple[bool, str]] = []
        url = f"http://127.0.0.1:{server.port}/"
        thread = threading.Thread(
            target=lambda: results.append(post(url, b"", {}, 9, cancelled, 1e6))
        )
        thread.start()
        cancelled.set()
        thread.join(60)
        assert results == [(False, "webhook: cancelled")]
