"""The thread that answers clients: one loop over sockets that never block.

Bounded are the connections at a time, how fast new ones are taken, the bytes of a request,
and the time of each phase. Where all places are taken, the oldest connection that has no
answer yet makes room, so that slow and half-open ones keep no client out.
"""

import contextlib
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable

from ebpftrace.service.http.answer import Answer, Work
from ebpftrace.service.http.connection import BUSY, Connection, Phase
from ebpftrace.service.http.request import HttpRequest

MOST_CONNECTIONS = 64
MOST_ANSWERS = 8
"""Connections that are being answered: each may keep a page of megabytes alive."""

ACCEPTS_A_SECOND = 100.0
_BURST = 50.0
_PAUSE_SECONDS = 1.0  # where there are no descriptors left
_RESULTS = ("answered", "refused", "broken", "silent", "slow", "displaced")


class HttpServer:
    """Answers at `listener` by `answer`, on a thread of its own, from `start` to `close`."""

    def __init__(
        self,
        listener: socket.socket,
        answer: Callable[[HttpRequest], Answer | Work],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.tls = tls
        self.counts = dict.fromkeys(_RESULTS, 0)
        self._listener, self._answer = listener, answer
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._connections: dict[int, Connection] = {}
        self._room, self._room_as_of = _BURST, time.monotonic()
        self._paused_until = 0.0
        self._listens = False
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, with the port that the kernel chose for port 0."""
        name = self._listener.getsockname()
        return name[0], name[1]

    def start(self) -> None:
        """Begin to answer."""
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        self._thread.start()

    def close(self) -> None:
        """Stop, and close all connections."""
        self._closing = True
        self._wake_in.send(b"x")
        if self._thread.is_alive():
            self._thread.join()
        for connection in list(self._connections.values()):
            self._drop(connection)
        self._selector.close()
        for sock in (self._listener, self._wake_in, self._wake_out):
            sock.close()

    def _run(self) -> None:
        while not self._closing:
            now = time.monotonic()
            self._expire(now)
            self._watch_listener(now)
            for key, _ in self._selector.select(self._timeout(now)):
                if key.fileobj is self._listener:
                    self._accept(time.monotonic())
                elif key.fileobj is not self._wake_out:
                    self._step(key.data, time.monotonic())

    def _timeout(self, now: float) -> float | None:
        due = [one.deadline for one in self._connections.values()]
        if not self._listens:
            due.append(max(self._paused_until, now + (1 - self._room) / ACCEPTS_A_SECOND))
        return max(0.0, min(due) - now) if due else None

    def _watch_listener(self, now: float) -> None:
        """New connections are taken at a bounded rate; the kernel keeps the others waiting."""
        gained = (now - self._room_as_of) * ACCEPTS_A_SECOND
        self._room, self._room_as_of = min(_BURST, self._room + gained), now
        wanted = self._room >= 1 and now >= self._paused_until
        if wanted and not self._listens:
            self._selector.register(self._listener, selectors.EVENT_READ)
        elif self._listens and not wanted:
            self._selector.unregister(self._listener)
        self._listens = wanted

    def _accept(self, now: float) -> None:
        try:
            sock, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:  # no descriptors are left
            self._paused_until = now + _PAUSE_SECONDS
            return
        self._room -= 1
        with contextlib.suppress(OSError, ValueError):
            sock.setblocking(False)
            if self.tls is not None:
                sock = self.tls.wrap_socket(
                    sock, server_side=True, do_handshake_on_connect=False
                )
            if len(self._connections) >= MOST_CONNECTIONS:
                self._displace()
            connection = Connection(sock, now)
            self._connections[sock.fileno()] = connection
            self._selector.register(sock, selectors.EVENT_READ, connection)
            self._step(connection, now)
            return
        sock.close()

    def _step(self, connection: Connection, now: float) -> None:
        if connection.sock.fileno() < 0:  # dropped since the events were taken
            return
        before = connection.phase
        try:
            stays = connection.step(self._answer, now)
        except Exception:  # a bug in an answer must not end the thread
            connection.result, stays = "broken", False
        if not stays:
            self._drop(connection)
            return
        events = selectors.EVENT_WRITE if connection.wants_to_write else selectors.EVENT_READ
        if self._selector.get_key(connection.sock).events != events:
            self._selector.modify(connection.sock, events, connection)
        if connection.phase in BUSY and before not in BUSY:
            answering = [one for one in self._connections.values() if one.phase in BUSY]
            if len(answering) > MOST_ANSWERS:
                self._drop(min(answering, key=lambda one: one.began), "displaced")

    def _displace(self) -> None:
        waiting = [one for one in self._connections.values() if one.phase not in BUSY]
        oldest = min(waiting, key=lambda one: one.began)  # at most MOST_ANSWERS are not
        self._drop(oldest, "displaced")

    def _expire(self, now: float) -> None:
        for connection in list(self._connections.values()):
            if connection.deadline <= now:
                self._drop(connection, "slow")

    def _drop(self, connection: Connection, result: str = "") -> None:
        fd = connection.sock.fileno()
        del self._connections[fd]
        self._selector.unregister(connection.sock)
        connection.close()
        if connection.phase is Phase.LINGER:
            result = ""  # it has its answer
        result = result or connection.result or "broken"
        self.counts[result] += 1
