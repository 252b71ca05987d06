"""Queries to servers on the loopback that answer well, badly, or not at all."""

import base64
import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.errors import PrometheusError
from ebpftrace.fleet.api import Endpoint, PrometheusApi, parse_url
from tests.support.rude_servers import rude_server


def answering(body: bytes, asked: list[bytes], status: str = "200 OK") -> Any:
    """One answer to a whole request, which is kept."""

    def answer(connection: socket.socket, _end: threading.Event) -> None:
        raw = b""
        while b"\r\n\r\n" not in raw or not raw.split(b"\r\n\r\n", 1)[1]:
            raw += connection.recv(1 << 16)
        asked.append(raw)
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)

    return answer


def vector(*results: dict[str, Any]) -> bytes:
    return json.dumps({"status": "success", "data": {"result": results}}).encode()


def ask(body: bytes, status: str = "200 OK", token: Path | None = None, user: str = "") -> Any:
    asked: list[bytes] = []
    with rude_server(answering(body, asked, status)) as server:
        endpoint = parse_url(f"http://{user}127.0.0.1:{server.port}/prefix")
        return PrometheusApi(endpoint, token).query("up + 1"), asked[0]


def refusal(body: bytes, status: str = "200 OK") -> PrometheusError:
    with pytest.raises(PrometheusError) as caught:
        ask(body, status)
    return caught.value


def test_query_posts_the_expression_and_returns_the_series() -> None:
    found, asked = ask(vector({"metric": {"a": "b"}, "value": [1700.5, "2.5"]},
                              {"metric": {}, "values": [[1, "3"], [2, "NaN"], [3, "4"]]},
                              {"metric": {}, "value": [1, "+Inf"]},
                              {"metric": {}, "value": [1, "1e300"]}))  # fmt: skip
    assert asked.startswith(b"POST /prefix/api/v1/query HTTP/1.1")
    assert asked.endswith(b"query=up+%2B+1")
    assert b"Authorization" not in asked
    assert [(dict(one.labels), one.points) for one in found] == [
        ({"a": "b"}, ((1700.5, 2.5),)), ({}, ((1.0, 3.0), (3.0, 4.0))),
    ]  # fmt: skip
    assert found[1].value == 4


def test_the_token_of_a_file_and_the_password_of_the_url_are_sent(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    assert b"Authorization: Bearer s3cret\r\n" in ask(vector(), token=token)[1]
    pair = base64.b64encode(b"me:a:b").decode().encode()
    assert b"Authorization: Basic " + pair + b"\r\n" in ask(vector(), user="me:a%3Ab@")[1]


@pytest.mark.parametrize(
    ("url", "expression"),
    [("http://a..b:9090", "up"), (f"http://{'a' * 64}:9090", "up"),
     ("http://127.0.0.1:1", "up{cluster=\"\udcff\"}")],
)  # fmt: skip
def test_what_cannot_be_sent_is_an_error_of_the_users(url: str, expression: str) -> None:
    with pytest.raises(PrometheusError) as caught:
        PrometheusApi(parse_url(url)).query(expression)
    assert "codec" in caught.value.why


@pytest.mark.parametrize("text", ["s3cret\r\nX-Evil: 1", "\xff"])
def test_token_that_is_not_one_line_of_text_is_refused(tmp_path: Path, text: str) -> None:
    token = tmp_path / "token"
    token.write_bytes(text.encode("latin-1"))
    with pytest.raises(PrometheusError) as caught:
        PrometheusApi(parse_url("http://127.0.0.1:1"), token).query("up")
    assert "token" in caught.value.what
    with pytest.raises(PrometheusError, match="cannot be read"):
        PrometheusApi(parse_url("http://127.0.0.1:1"), tmp_path / "none").query("up")


@pytest.mark.parametrize(
    "body",
    [b"", b"hello", b"[]", b"[" * 100_000, b'{"status": "success"}',
     b'{"status": "success", "data": {"result": [1]}}',
     b'{"status": "success", "data": {"result": [{"metric": {}, "value": [1]}]}}',
     b'{"status": "success", "data": {"result": [{"metric": [], "value": [1, "2"]}]}}'],
)  # fmt: skip
def test_answer_of_another_kind_is_an_error_of_ours(body: bytes) -> None:
    assert refusal(body).why


def test_refusals_say_what_to_do() -> None:
    said = json.dumps({"status": "error", "error": "parse error\n\x1b[31m"}).encode()
    parse = refusal(said, "400 Bad Request")
    assert parse.why == "parse error\\x0a\\x1b[31m"
    assert "--match" in parse.fix
    assert "--token-file" in refusal(b"no", "401 Unauthorized").fix
    assert refusal(b"no", "302 Found").why == "HTTP 302"


def test_no_server_and_a_broken_answer_are_errors() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(PrometheusError) as caught:
        PrometheusApi(parse_url(f"http://127.0.0.1:{port}")).query("up")
    assert caught.value.why == "Connection refused"
    with (
        rude_server(lambda connection, _: connection.sendall(b"220 ftp\r\n")) as server,
        pytest.raises(PrometheusError),
    ):
        PrometheusApi(parse_url(f"http://127.0.0.1:{server.port}")).query("up")


def test_url_is_read_and_shown_without_its_password() -> None:
    endpoint = parse_url("https://me:s3cret@prom.example:9090/a/")
    assert endpoint[:4] == ("https", "prom.example", 9090, "/a/api/v1/")
    assert endpoint.url == "https://prom.example:9090/a"
    assert parse_url("http://[::1]:9090") == Endpoint("http", "::1", 9090, "/api/v1/")
    assert parse_url("http://[::1]:9090").url == "http://[::1]:9090"


@pytest.mark.parametrize(
    "text",
    ["", "prometheus:9090", "ftp://a", "http://", "http://a/?q=1", "http://a/#x",
     "http://a:port/", "http://a/b c", "http://a/\xe9"],
)  # fmt: skip
def test_what_is_no_url_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_url(text)
