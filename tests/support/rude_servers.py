"""Servers on the loopback that answer a webhook in ways that could hold up or fool a client."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Answer = Callable[[socket.socket, threading.Event], None]


@dataclass
class RudeServer:
    """`connections` counts those that it accepted."""

    port: int
    connections: int = 0
    closed: threading.Event = field(default_factory=threading.Event)
    """Set once the client has closed or cut off a connection."""


@contextmanager
def rude_server(answer: Answer) -> Iterator[RudeServer]:
    """Answers each connection in turn, on a thread, until the block ends."""
    end = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = RudeServer(listening.getsockname()[1])

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                server.connections += 1
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(60)
                    answer(connection, end)
                server.closed.set()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server
        finally:
            end.set()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def _take_request(connection: socket.socket) -> None:
    """All of it: closing a connection with unread data resets it."""
    raw = b""
    while not raw.endswith(b"\r\n\r\n{}") and (chunk := connection.recv(1 << 16)):
        raw += chunk
        if not b"POST".startswith(raw[:4]):
            return  # TLS


def _repeat(head: bytes, piece: bytes, pause: float = 0.0) -> Answer:
    """The head, then the same piece over and over, until the client has had enough."""

    def answer(connection: socket.socket, end: threading.Event) -> None:
        _take_request(connection)
        connection.sendall(head)
        while not end.wait(pause):
            connection.sendall(piece)

    return answer


def _once(raw: bytes) -> Answer:
    def answer(connection: socket.socket, _end: threading.Event) -> None:
        _take_request(connection)
        connection.sendall(raw)

    return answer


def _silent(connection: socket.socket, _end: threading.Event) -> None:
    while connection.recv(1 << 16):
        pass


ENDLESS: dict[str, Answer] = {
    "never answers": _silent,
    "a byte now and then": _repeat(b"", b"H", 0.01),
    "a status line now and then": _repeat(b"HTTP/1.1 200 ", b"O", 0.01),
    "a header now and then": _repeat(b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.01),
    "continue without end": _repeat(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "continue now and then": _repeat(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.01),
}
"""Servers whose answer never ends, each of which sends before a timeout of the socket."""

REFUSED: dict[str, tuple[Answer, str]] = {
    "headers without end": (_repeat(b"HTTP/1.1 200 OK\r\n", b"X: x\r\n"), "got more than 100"),
    "a header without end": (_repeat(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 4096), "got more than"),
    "a status without end": (_repeat(b"HTTP/1.1 200 ", b"x" * 4096), "got more than"),
    "no HTTP": (_once(b"220 mail.example ESMTP \x1b[2J\r\n"), "220 mail"),
    "a status that is no number": (_once(b"HTTP/1.1 " + b"9" * 5000 + b"\r\n\r\n"), "HTTP/1.1"),
    "nothing": (_once(b""), "Remote end closed"),
}

REDIRECTS = tuple(
    f"HTTP/1.1 {code} Go\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()
    for code in (301, 302, 303, 307, 308)
    for to in ("file:///etc/shadow", "http://169.254.169.254/latest/", "ftp://127.0.0.1/", "/")
)


def redirect(raw: bytes) -> Answer:
    return _once(raw)


A_BYTE_A_SECOND = _repeat(b"HTTP/1.1 200 OK\r\nX: ", b"x", 1.0)

HUGE = _repeat(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n", b"x" * 65536)
"""An answer of a terabyte."""
