"""A small client of the Kubernetes API: HTTPS and JSON, each answer bounded in time and bytes.

A connection serves one request, so a new token and a new ca.crt are used from the next one on.
Source: kubernetes.io/docs/reference/using-api/api-concepts.
"""

import contextlib
import json
import socket
import ssl
import time
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse, HTTPSConnection

from ebpftrace.errors import EbpftraceError
from ebpftrace.kubernetes.account import ServiceAccount
from ebpftrace.kubernetes.lists import OBJECT_LIMIT, Object, parse_items, parse_object
from ebpftrace.text import clean
from ebpftrace.units import KIB, MIB

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
METADATA_LIST = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Lists without specs and states."""

_ANSWER_SECONDS = 10.0
_LIST_SECONDS = 60.0
_BODY_LIMIT = 8 * MIB
_CHUNK = 64 * KIB
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 15), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3))


class ApiError(EbpftraceError):
    """The API did not do it. `status` is that of HTTP; 0 without an answer."""

    def __init__(self, what: str, status: int = 0, reason: str = "") -> None:
        super().__init__(what)
        self.status, self.reason = status, reason

    @property
    def may_pass(self) -> bool:
        """Whether the same request may be answered later."""
        return self.status == 0 or self.status == 429 or self.status >= 500


class ApiClient:
    """Asks as one service account; used from any thread, and holds no connection."""

    def __init__(
        self, account: ServiceAccount, answer_seconds: float = _ANSWER_SECONDS
    ) -> None:
        self._account, self._seconds = account, answer_seconds

    def call(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> Object:
        """The object of the answer. ApiError if the API refuses, or does not answer."""
        with _failing(), ApiConnection(self._account, self._seconds) as connection:
            response = connection.ask(method, path, body, content_type, accept)
            return parse_object(connection.read(response, _BODY_LIMIT, self._seconds))

    def items(self, path: str, accept: str = JSON) -> Iterator[Object]:
        """First the list without its items, then each item: only one is in memory at a time.

        ApiError as in `call`, also in the middle.
        """
        with _failing(), ApiConnection(self._account, self._seconds) as connection:
            response = connection.ask("GET", path, None, JSON, accept)
            yield from parse_items(connection.chunks(response, _LIST_SECONDS))

    def watch(self, path: str, idle_seconds: float) -> "Watch":
        """What changes from here on. ApiError if the API refuses."""
        with _failing(), contextlib.ExitStack() as stack:
            connection = stack.enter_context(ApiConnection(self._account, self._seconds))
            response = connection.ask("GET", path, None, JSON, JSON)
            connection.sock.settimeout(idle_seconds)
            stack.pop_all()
            return Watch(connection, response)


class Watch:
    """The events of a watch, until it ends; `close` ends it from any thread."""

    def __init__(self, connection: "ApiConnection", response: HTTPResponse) -> None:
        self._connection, self._response = connection, response

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def __iter__(self) -> Iterator[Object]:
        """Each has `type` and `object`. ApiError if the connection breaks."""
        with _failing():
            while line := self._response.readline(OBJECT_LIMIT + 1):
                if len(line) > OBJECT_LIMIT:
                    raise ApiError("the Kubernetes API sent an object of more than 4 MiB")
                yield parse_object(line)

    def close(self) -> None:
        """Cut the connection off; the thread that reads closes it."""
        self._connection.cut()


class ApiConnection:
    """One request over TLS, with the token as it is now."""

    def __init__(self, account: ServiceAccount, seconds: float) -> None:
        token = account.token()
        context = ssl.create_default_context(cafile=account.ca_file)
        # Python 3.13 asks for extensions that many clusters' certificates do not have.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        raw = socket.create_connection((account.host, account.port), seconds)
        try:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _KEEPALIVE:
                raw.setsockopt(socket.IPPROTO_TCP, option, value)
            self._raw = raw.dup()  # TLS takes the other for itself
        except BaseException:
            raw.close()
            raise
        try:
            self.sock = context.wrap_socket(raw, server_hostname=account.host)
        except BaseException:
            raw.close()
            self._raw.close()
            raise
        self._http = HTTPSConnection(account.host, account.port, context=context)
        self._http.sock = self.sock
        self._headers = {"Authorization": f"Bearer {token}", "User-Agent": "ebpftrace"}

    def __enter__(self) -> "ApiConnection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.sock.close()
        self._http.close()
        self._raw.close()

    def cut(self) -> None:
        """Have what is being read end. Callable from any thread."""
        with contextlib.suppress(OSError):
            self._raw.shutdown(socket.SHUT_RDWR)

    def ask(
        self, method: str, path: str, body: Object | None, content_type: str, accept: str
    ) -> HTTPResponse:
        """The answer's head. ApiError unless it is a success."""
        headers = {**self._headers, "Accept": accept, "Content-Type": content_type}
        data = None if body is None else json.dumps(body).encode()
        self._http.request(method, path, data, headers)
        response = self._http.getresponse()
        if not 200 <= response.status < 300:
            raise _refusal(response.status, self.read(response, _CHUNK, _ANSWER_SECONDS))
        return response

    def chunks(self, response: HTTPResponse, seconds: float) -> Iterator[bytes]:
        """The body as it comes, all of it within this time."""
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no whole answer within {seconds:g} s")
            self.sock.settimeout(left)
            chunk = response.read1(_CHUNK)
            if not chunk:
                return
            yield chunk

    def read(self, response: HTTPResponse, limit: int, seconds: float) -> bytes:
        body = bytearray()
        for chunk in self.chunks(response, seconds):
            body += chunk
            if len(body) > limit:
                raise ApiError("the answer of the Kubernetes API is too long")
        return bytes(body)


@contextlib.contextmanager
def _failing() -> Iterator[None]:
    """What the network does as ApiError."""
    try:
        yield
    except (OSError, HTTPException, ValueError) as error:
        reason = str(getattr(error, "strerror", "") or error or type(error).__name__)
        raise ApiError(f"the Kubernetes API does not answer: {clean(reason, 160)}") from error


def _refusal(status: int, body: bytes) -> ApiError:
    try:
        said = parse_object(body)
    except ValueError:
        said = {}
    reason = clean(str(said.get("reason") or ""), 60)
    message = clean(str(said.get("message") or reason), 300)
    tail = f": {message}" if message else ""
    return ApiError(f"the Kubernetes API answered {status}{tail}", status, reason)
