"""Sends a POST and waits for its answer, within a deadline for all of it.

A server may be slow in every part: its name is not found, it does not accept, it sends a byte
every few seconds, or answers "100 Continue" without end. A timeout of the socket begins again
with each byte, so each request has a thread of its own, and is cut off after ten seconds.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.error import HTTPError
from urllib.request import (
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    Request,
    build_opener,
)

from ebpftrace.text import clean

ANSWER_SECONDS = 10.0
_FIRST_PAUSE_SECONDS = 0.5
_LOOK_SECONDS = 0.05


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    retries: int,
    cancelled: threading.Event,
    answer_seconds: float = ANSWER_SECONDS,
) -> tuple[bool, str]:
    """(whether it was sent, the answer). Retried after an error of the server, not ours."""
    headers = {"Content-Type": "application/json", "User-Agent": "ebpftrace", **headers}
    pause, answer = _FIRST_PAUSE_SECONDS, ""
    for attempt in range(1, retries + 2):
        request = _Sending(Request(url, body, headers, method="POST"), answer_seconds)
        code, answer = request.wait(cancelled)
        if 0 < code < 300:
            return True, answer + _attempt(attempt)
        if 0 < code < 500 and code not in (408, 429):
            return False, answer
        if cancelled.wait(pause):
            break
        pause *= 2
    return False, answer + _attempt(attempt)


class _Sending:
    """One request, made on a thread of its own."""

    def __init__(self, request: Request, answer_seconds: float) -> None:
        self._request = request
        self._answer_seconds = answer_seconds
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._cut_off = False
        self._answered = threading.Event()
        self._answer = (0, "")

    def wait(self, cancelled: threading.Event) -> tuple[int, str]:
        """The code of the answer, 0 for none, and what to say of it.

        Once the time is up or it is cancelled, the connection is cut off.
        """
        threading.Thread(target=self._run, name="webhook", daemon=True).start()
        deadline = time.monotonic() + self._answer_seconds
        while not self._answered.wait(_LOOK_SECONDS):
            late = time.monotonic() >= deadline
            if late or cancelled.is_set():
                self._cut()
                why = f"no answer within {self._answer_seconds:g} s" if late else "cancelled"
                return 0, f"webhook: {why}"
        return self._answer

    def connected(self, connection: socket.socket) -> None:
        """Keep a connection, to cut it off. Called on the thread of the request."""
        with self._lock:
            if self._cut_off:
                raise TimeoutError("cut off")
            self._sockets.append(connection.dup())  # TLS takes the other for itself

    def _cut(self) -> None:
        with self._lock:
            self._cut_off = True
            for connection in self._sockets:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        try:
            self._answer = self._send()
        except Exception as error:
            # Whatever a server sends: a failed step says why.
            self._answer = 0, f"webhook: {clean(type(error).__name__)}"
        finally:
            with self._lock:
                for connection in self._sockets:
                    connection.close()
                self._sockets = []
            self._answered.set()

    def _send(self) -> tuple[int, str]:
        try:
            with _opener(self).open(
                self._request, timeout=2 * self._answer_seconds
            ) as response:
                return response.status, f"webhook answered {response.status}"
        except HTTPError as error:
            error.close()
            return error.code, f"webhook answered {error.code}"
        except (OSError, HTTPException) as error:
            reason = str(getattr(error, "reason", error)).strip() or type(error).__name__
            return 0, f"webhook: {clean(reason)}"


def _opener(request: _Sending) -> OpenerDirector:
    """Follows no redirect: a redirected POST would arrive as a GET, without its body."""

    class NoRedirect(HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    class HttpConnection(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            request.connected(self.sock)

    class HttpsConnection(
        HTTPSConnection, HttpConnection
    ):  # its connect() calls that of HttpConnection, then begins TLS
        pass

    class HttpOpener(HTTPHandler):
        def http_open(self, sent: Request):  # type: ignore[no-untyped-def]
            return self.do_open(HttpConnection, sent)

    class HttpsOpener(HTTPSHandler):
        def https_open(self, sent: Request):  # type: ignore[no-untyped-def]
            return self.do_open(HttpsConnection, sent)

    return build_opener(NoRedirect, HttpOpener, HttpsOpener)


def _attempt(attempt: int) -> str:
    return "" if attempt == 1 else f" at attempt {attempt}"
