"""The server on a socket of the loopback: slow, many and hostile clients are bounded."""

import http.client
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path

import pytest

from ebpftrace.service.http import connection as connection_module
from ebpftrace.service.http import server as server_module
from ebpftrace.service.http.answer import Answer, plain
from ebpftrace.service.http.listening import listen
from ebpftrace.service.http.request import HEAD_BYTES, HttpRequest
from ebpftrace.service.http.server import MOST_ANSWERS, MOST_CONNECTIONS, HttpServer
from tests.support.patience import patient

SECONDS = patient(20.0)
BIG = b"x" * (32 << 20)  # more than the kernel keeps for a slow reader
GET = b"GET /small HTTP/1.1\r\n\r\n"


def answer(request: HttpRequest) -> Answer:
    if request.path == "/bug":
        raise RuntimeError
    if request.path == "/big":
        return Answer(HTTPStatus.OK, BIG)
    return plain(HTTPStatus.OK, request.path)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    monkeypatch.setattr(server_module, "ACCEPTS_A_SECOND", 1e9)  # a test has no time
    made = HttpServer(listen("127.0.0.1", 0), answer)
    made.start()
    yield made
    made.close()


def connected(server: HttpServer) -> socket.socket:
    return socket.create_connection(server.address, SECONDS)


def received(sock: socket.socket) -> bytes:
    parts = []
    try:
        while part := sock.recv(1 << 16):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def get(server: HttpServer, path: str = "/small") -> bytes:
    with connected(server) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\n\r\n".encode())
        return received(sock)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_request_in_pieces_is_answered(server: HttpServer) -> None:
    with connected(server) as sock:
        for byte in GET:
            sock.sendall(bytes([byte]))
        assert received(sock).endswith(b"\r\n\r\n/small\n")
    until(lambda: server.counts["answered"] == 1)


def test_a_large_answer_is_whole(server: HttpServer) -> None:
    assert get(server, "/big").endswith(BIG)


def test_a_head_request_has_no_body(server: HttpServer) -> None:
    client = http.client.HTTPConnection(*server.address, timeout=SECONDS)
    client.request("HEAD", "/small")
    found = client.getresponse()
    assert (found.status, found.read(), found.headers["Content-Length"]) == (200, b"", "7")
    client.close()


def test_what_is_no_request_or_too_long_is_refused(server: HttpServer) -> None:
    for sent, status in ((b"hello\r\n\r\n", b"400"), (b"G" * 9000, b"431")):
        with connected(server) as sock:
            sock.sendall(sent)
            assert received(sock).startswith(b"HTTP/1.1 " + status)


def test_a_bug_in_an_answer_does_not_end_the_thread(server: HttpServer) -> None:
    assert get(server, "/bug") == b""
    assert get(server).endswith(b"/small\n")


def test_half_open_connections_keep_no_client_out(server: HttpServer) -> None:
    with ExitStack() as stack:
        for _ in range(3 * MOST_CONNECTIONS):
            stack.enter_context(connected(server)).sendall(b"GET /")
        assert get(server).endswith(b"/small\n")
        assert len(server._connections) <= MOST_CONNECTIONS
        assert server.counts["displaced"] >= 2 * MOST_CONNECTIONS


def test_slow_readers_are_few(server: HttpServer) -> None:
    with ExitStack() as stack:
        for _ in range(2 * MOST_ANSWERS):
            sock = stack.enter_context(connected(server))
            sock.sendall(b"GET /big HTTP/1.1\r\n\r\n")
            assert sock.recv(1)
        until(lambda: server.counts["displaced"] >= MOST_ANSWERS)
        assert get(server).endswith(b"/small\n")


def test_what_takes_too_long_is_dropped(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "REQUEST_SECONDS", 0.05)
    monkeypatch.setattr(connection_module, "ANSWER_SECONDS", 0.05)
    with connected(server) as waiting, connected(server) as reading:
        waiting.sendall(b"GET /")
        reading.sendall(b"GET /big HTTP/1.1\r\n\r\n")
        until(lambda: server.counts["slow"] == 2)
        assert received(waiting) == b""


def test_a_request_that_comes_byte_by_byte_is_dropped_all_the_same(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "REQUEST_SECONDS", 1.0)
    with connected(server) as sock:
        sock.sendall(b"GET /small HTTP/1.1\r\nX: ")
        with pytest.raises(OSError):
            for _ in range(HEAD_BYTES - 64):  # more would be refused as too long
                sock.sendall(b"x")
                time.sleep(0.01)
    until(lambda: server.counts["slow"] == 1)
    assert get(server).endswith(b"/small\n")


def test_a_client_that_sends_on_after_its_request_is_dropped(server: HttpServer) -> None:
    with connected(server) as sock:
        sock.sendall(GET)
        with pytest.raises(OSError):
            for _ in range(1000):
                sock.sendall(b"x" * 65536)
    assert get(server).endswith(b"/small\n")


def test_new_connections_are_taken_at_a_bounded_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "ACCEPTS_A_SECOND", 0.0001)
    made = HttpServer(listen("127.0.0.1", 0), answer)
    made.start()
    try:
        socks = [connected(made) for _ in range(60)]
        until(lambda: len(made._connections) == 50)
        time.sleep(0.2)
        assert len(made._connections) == 50
        for sock in socks:
            sock.close()
    finally:
        made.close()


def test_fuzzed_requests_leave_neither_descriptors_nor_threads(server: HttpServer) -> None:
    get(server)
    until(lambda: not server._connections)
    before = descriptors()
    threads = threading.active_count()
    seeded = random.Random(17)
    for _ in range(1500):
        with connected(server) as sock:
            sent = bytearray(GET + b"Host: x\r\nAccept: a\r\n\r\n")
            for _ in range(seeded.randrange(8)):
                sent[seeded.randrange(len(sent))] = seeded.randrange(256)
            sock.sendall(sent[: seeded.randrange(len(sent) + 1)])
            if seeded.random() < 0.5:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert get(server).endswith(b"/small\n")
    until(lambda: not server._connections)
    assert descriptors() == before
    assert threading.active_count() == threads


def test_a_close_ends_the_thread_and_all_connections() -> None:
    made = HttpServer(listen("127.0.0.1", 0), answer)
    made.start()
    with connected(made) as sock:
        sock.sendall(b"GET /")
        until(lambda: len(made._connections) == 1)
        made.close()
        assert received(sock) == b""
    assert "http" not in {thread.name for thread in threading.enumerate()}
