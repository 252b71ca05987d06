"""The client against a server that answers as rudely as it can."""

import contextlib
import ssl
import threading
from pathlib import Path

import pytest

from ebpftrace.kubernetes.client import ApiClient, ApiError
from tests.support.api_server import Answer, api_server, body

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def fails(folder: Path, answer: Answer, seconds: float = 60.0) -> ApiError:
    with api_server(folder, answer) as account, pytest.raises(ApiError) as raised:
        ApiClient(account, seconds).call("GET", "/api")
    return raised.value


def test_the_token_is_sent_and_the_object_is_read(tmp_path: Path) -> None:
    heads: list[bytes] = []

    def answer(head: bytes, client: ssl.SSLSocket) -> None:
        heads.append(head)
        client.sendall(body('{"kind": "PodList"}'))

    with api_server(tmp_path, answer) as account:
        assert ApiClient(account).call("GET", "/api") == {"kind": "PodList"}
        (tmp_path / "token").write_text("newer", encoding="ascii")
        ApiClient(account).call("GET", "/api")
    assert b"\r\nAuthorization: Bearer secret\r\n" in heads[0]
    assert b"\r\nAuthorization: Bearer newer\r\n" in heads[1]


def test_a_refusal_says_why_in_one_line(tmp_path: Path) -> None:
    said = '{"reason": "Forbidden", "message": "pods is\\u001b[2J\\nforbidden"}'
    error = fails(tmp_path, lambda _, client: client.sendall(body(said, "403 Forbidden")))
    assert (error.status, error.reason) == (403, "Forbidden")
    assert error.what == (r"the Kubernetes API answered 403: pods is\x1b[2J\x0aforbidden")
    assert not error.may_pass


@pytest.mark.parametrize(
    "answer",
    [b"", b"no HTTP at all\r\n\r\n", body("no JSON"), body("[]"), CHUNKED + b"zz\r\n",
     b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"],
)  # fmt: skip
def test_nonsense_is_an_error_that_may_pass(tmp_path: Path, answer: bytes) -> None:
    error = fails(tmp_path, lambda _, client: client.sendall(answer))
    assert error.status == 0
    assert error.may_pass


def test_an_endless_answer_is_given_up(tmp_path: Path) -> None:
    def answer(_: bytes, client: ssl.SSLSocket) -> None:
        client.sendall(CHUNKED)
        while True:
            client.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")

    assert "too long" in fails(tmp_path, answer).what


def test_an_answer_that_drips_is_given_up(tmp_path: Path) -> None:
    over = threading.Event()

    def answer(_: bytes, client: ssl.SSLSocket) -> None:
        client.sendall(CHUNKED)
        while not over.wait(0.02):
            client.sendall(b"1\r\n \r\n")

    error = fails(tmp_path, answer, 0.3)
    over.set()
    assert "does not answer" in error.what


def test_a_watch_ends_when_it_is_closed_from_another_thread(tmp_path: Path) -> None:
    over = threading.Event()

    def answer(_: bytes, client: ssl.SSLSocket) -> None:
        line = b'{"type": "BOOKMARK", "object": {}}\n'
        client.sendall(CHUNKED + f"{len(line):x}\r\n".encode() + line + b"\r\n")
        over.wait(60.0)

    with (
        api_server(tmp_path, answer) as account,
        ApiClient(account).watch("/api", 60.0) as events,
    ):
        found = iter(events)
        assert next(found)["type"] == "BOOKMARK"
        threading.Thread(target=events.close).start()
        with contextlib.suppress(ApiError):
            assert list(found) == []
    over.set()


def test_without_a_server_it_says_so(tmp_path: Path) -> None:
    with api_server(tmp_path, lambda _, __: None) as account:
        pass
    with pytest.raises(ApiError, match="does not answer: Connection refused") as raised:
        ApiClient(account).call("GET", "/api")
    assert raised.value.may_pass
