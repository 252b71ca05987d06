"""The head of a request, whatever a client sends."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.service.http.request import BadRequestError, parse

HEAD = b"GET /metrics?a=b HTTP/1.1\r\nHost: x\r\nAccept:  text/plain \r\n\r\n"


def test_a_request_has_its_parts() -> None:
    request = parse(HEAD)
    assert (request.method, request.path, request.query) == ("GET", "/metrics", "a=b")
    assert request.header("accept") == "text/plain"
    assert request.header("authorization") == ""


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"get / HTTP/1.1\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\n folded: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 65 + b"\r\n",
        b"GET /" + b"x" * 3000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused(head: bytes) -> None:
    with pytest.raises(BadRequestError):
        parse(head)


@given(st.binary(max_size=400))
def test_nothing_else_is_raised(noise: bytes) -> None:
    for head in (noise, b"GET / HTTP/1.1\r\n" + noise + b"\r\n\r\n"):
        with contextlib.suppress(BadRequestError):
            parse(head)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("gzip, deflate", True), ("GZIP;q=0.5", True), ("gzip;q=0", False), ("br", False)],
)
def test_compression_is_for_clients_that_take_it(value: str, expected: bool) -> None:
    head = f"GET / HTTP/1.1\r\nAccept-Encoding: {value}\r\n\r\n".encode()
    assert parse(head).takes_gzip is expected


def test_json_is_asked_for_by_a_header_or_a_parameter() -> None:
    assert parse(b"GET /?format=json HTTP/1.1\r\n\r\n").wants_json
    assert parse(b"GET / HTTP/1.1\r\nAccept: application/json\r\n\r\n").wants_json
    assert not parse(HEAD).wants_json
