"""One client: a handshake, the head of a request, an answer, and a close that loses nothing."""

import socket
import ssl
from collections.abc import Callable
from enum import Enum
from http import HTTPStatus

from ebpftrace.service.http.answer import Answer, plain
from ebpftrace.service.http.request import HEAD_BYTES, BadRequestError, HttpRequest, parse

REQUEST_SECONDS = 5.0
"""From the connection until its request is complete, the handshake of TLS included."""

ANSWER_SECONDS = 20.0
"""Until the client has read its answer, however slowly."""

_LINGER_SECONDS = 1.0
_CHUNK = 1 << 16
_MOST_DISCARDED = 1 << 18
_WAITING = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Phase(Enum):
    """What a connection waits for."""

    HANDSHAKE = "handshake"
    REQUEST = "request"
    ANSWER = "answer"
    LINGER = "linger"  # until the client closes: a reset would take the answer from it


class Connection:
    """Never blocks. `result` is how it ended, for the counts."""

    def __init__(self, sock: socket.socket, now: float) -> None:
        self.sock = sock
        self.phase = Phase.HANDSHAKE if isinstance(sock, ssl.SSLSocket) else Phase.REQUEST
        self.began = now
        self.deadline = now + REQUEST_SECONDS
        self.wants_to_write = False
        self.result = ""
        self._head = bytearray()
        self._discarded = 0  # bytes that came after the request
        self._out: list[memoryview] = []

    def step(self, answer: Callable[[HttpRequest], Answer], now: float) -> bool:
        """Do what is possible. False once it is to be closed."""
        try:
            while True:
                if not self._advance(answer, now):
                    return False
        except _WAITING as error:
            wants_write = isinstance(error, ssl.SSLWantWriteError)
            sends = self.phase is Phase.ANSWER and not isinstance(error, ssl.SSLWantReadError)
            self.wants_to_write = wants_write or sends
            return True
        except (OSError, ValueError):
            self.result = self.result or "broken"
            return False

    def close(self) -> None:
        """Close it; call it once."""
        self.sock.close()

    def _advance(self, answer: Callable[[HttpRequest], Answer], now: float) -> bool:
        if self.phase is Phase.HANDSHAKE:
            assert isinstance(self.sock, ssl.SSLSocket)
            self.sock.do_handshake()
            self.phase = Phase.REQUEST
        elif self.phase is Phase.REQUEST:
            return self._read(answer, now)
        elif self.phase is Phase.ANSWER:
            self._write(now)
        else:
            got = len(self.sock.recv(_CHUNK))
            self._discarded += got
            return got > 0 and self._discarded <= _MOST_DISCARDED
        return True

    def _read(self, answer: Callable[[HttpRequest], Answer], now: float) -> bool:
        got = self.sock.recv(HEAD_BYTES + 1 - len(self._head))
        if not got:
            self.result = "broken" if self._head else "silent"
            return False
        self._head += got
        end = self._head.find(b"\r\n\r\n", max(0, len(self._head) - len(got) - 3))
        if end < 0 and len(self._head) <= HEAD_BYTES:
            return True
        head_only = False
        if end < 0:
            made = plain(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too long")
            self.result = "refused"
        else:
            try:
                request = parse(bytes(self._head[: end + 4]))
            except BadRequestError:
                made = plain(HTTPStatus.BAD_REQUEST, "not understood")
                self.result = "refused"
            else:
                made = answer(request)
                head_only = request.method == "HEAD"
                self.result = "answered" if made.status < 400 else "refused"
        self._head.clear()
        self._out = [memoryview(made.head())]
        if made.body and not head_only:
            self._out.append(memoryview(made.body))
        self.phase, self.deadline = Phase.ANSWER, now + ANSWER_SECONDS
        return True

    def _write(self, now: float) -> None:
        while self._out:
            sent = self.sock.send(self._out[0][:_CHUNK])
            rest = self._out[0][sent:]
            self._out[:1] = [rest] if rest else []
        self.phase, self.deadline = Phase.LINGER, now + _LINGER_SECONDS
        if not isinstance(self.sock, ssl.SSLSocket):  # TLS would still send at its close
            self.sock.shutdown(socket.SHUT_WR)
