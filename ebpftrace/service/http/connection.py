"""One client: a handshake, the head of a request, an answer, and a close that loses nothing."""

import socket
import ssl
from collections.abc import Callable
from enum import Enum
from http import HTTPStatus
from itertools import islice

from ebpftrace.service.http.answer import Answer, Stream, Work, plain
from ebpftrace.service.http.request import HEAD_BYTES, BadRequestError, HttpRequest, parse

REQUEST_SECONDS = 5.0
"""From the connection until its request is complete, the handshake of TLS included."""

ANSWER_SECONDS = 20.0
"""Until the client has read its answer, however slowly; a stream has a second more for each
`STREAM_BYTES_A_SECOND`."""

STREAM_BYTES_A_SECOND = 1 << 20

_LINGER_SECONDS = 1.0
_CHUNK = 1 << 16
_CHUNKS_A_TURN = 16
_MOST_DISCARDED = 1 << 18
_WAITING = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Phase(Enum):
    """What a connection waits for."""

    HANDSHAKE = "handshake"
    REQUEST = "request"
    WORK = "work"  # its answer is made, in steps
    ANSWER = "answer"
    LINGER = "linger"  # until the client closes: a reset would take the answer from it


BUSY = (Phase.WORK, Phase.ANSWER)
"""Few connections may be in these: each keeps something alive, a page of megabytes."""


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
        self._work: Work | None = None
        self._stream: Stream | None = None
        self._head_only = False

    def step(self, answer: Callable[[HttpRequest], Answer | Work], now: float) -> bool:
        """Do what is possible in one turn. False once it is to be closed."""
        try:
            while True:
                if not self._advance(answer, now):
                    return False
                if self.phase in BUSY:
                    self.wants_to_write = True
                    return True
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
        for one in (self._work, self._stream):
            if one is not None:
                one.close()
        self.sock.close()

    def _advance(self, answer: Callable[[HttpRequest], Answer | Work], now: float) -> bool:
        if self.phase is Phase.HANDSHAKE:
            assert isinstance(self.sock, ssl.SSLSocket)
            self.sock.do_handshake()
            self.phase = Phase.REQUEST
        elif self.phase is Phase.REQUEST:
            return self._read(answer, now)
        elif self.phase is Phase.WORK:
            self._do_work(now)
        elif self.phase is Phase.ANSWER:
            self._write(now)
        else:
            got = len(self.sock.recv(_CHUNK))
            self._discarded += got
            return got > 0 and self._discarded <= _MOST_DISCARDED
        return True

    def _read(self, answer: Callable[[HttpRequest], Answer | Work], now: float) -> bool:
        got = self.sock.recv(HEAD_BYTES + 1 - len(self._head))
        if not got:
            self.result = "broken" if self._head else "silent"
            return False
        self._head += got
        end = self._head.find(b"\r\n\r\n", max(0, len(self._head) - len(got) - 3))
        if end < 0 and len(self._head) <= HEAD_BYTES:
            return True
        if end < 0:
            self._send(plain(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too long"), now)
            return True
        try:
            request = parse(bytes(self._head[: end + 4]))
        except BadRequestError:
            self._send(plain(HTTPStatus.BAD_REQUEST, "not understood"), now)
            return True
        self._head.clear()
        self._head_only = request.method == "HEAD"
        made = answer(request)
        if isinstance(made, Answer):
            self._send(made, now)
        else:
            self._work, self.phase, self.deadline = made, Phase.WORK, now + ANSWER_SECONDS
        return True

    def _do_work(self, now: float) -> None:
        assert self._work is not None
        try:
            next(self._work)
        except StopIteration as done:
            self._send(done.value, now)

    def _send(self, made: Answer, now: float) -> None:
        self._head.clear()
        self.result = "answered" if made.status < 400 else "refused"
        self._out = [memoryview(made.head())]
        self.phase, self.deadline = Phase.ANSWER, now + ANSWER_SECONDS
        if made.stream is not None:
            self._stream = made.stream
            self.deadline += made.stream.length / STREAM_BYTES_A_SECOND
        if made.body and not self._head_only:
            self._out.append(memoryview(made.body))

    def _next_chunk(self) -> list[memoryview]:
        if self._stream is None or self._head_only:
            return []
        return [memoryview(chunk) for chunk in islice(self._stream.chunks, 1)]

    def _write(self, now: float) -> None:
        for _ in range(_CHUNKS_A_TURN):
            if not self._out:
                self._out = self._next_chunk()
            if not self._out:
                break
            sent = self.sock.send(self._out[0][:_CHUNK])
            rest = self._out[0][sent:]
            self._out[:1] = [rest] if rest else []
        else:
            return
        self.phase, self.deadline = Phase.LINGER, now + _LINGER_SECONDS
        if not isinstance(self.sock, ssl.SSLSocket):  # TLS would still send at its close
            self.sock.shutdown(socket.SHUT_WR)
