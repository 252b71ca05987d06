"""Instant queries by the HTTP API of a Prometheus, or of what speaks it as well.

Source: prometheus.io/docs/prometheus/latest/querying/api.
"""

import base64
import http.client
import json
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ebpftrace.errors import PrometheusError
from ebpftrace.text import clean

_TIMEOUT_S = 10.0
_MOST_BYTES = 64 << 20
_MOST_TOKEN_BYTES = 64 << 10
_REFUSED = {401, 403}
_MOST = float(1 << 62)


class Endpoint(NamedTuple):
    """Where a Prometheus is. `authorization` is what the user and password of the URL make."""

    scheme: str
    host: str
    port: int | None
    path: str  # of the API, without what is asked
    authorization: str = ""

    @property
    def url(self) -> str:
        """For people: without a password."""
        return f"{self.scheme}://{self.address}{self.path.removesuffix('/api/v1/')}"

    @property
    def address(self) -> str:
        """`prometheus:9090`, short enough for a heading."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


class Series(NamedTuple):
    """One series of an answer: its labels, and (Unix time in seconds, value), oldest first.

    The labels are other people's words, and not cleaned: jobs are asked for by them.
    """

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]

    @property
    def value(self) -> float:
        """The latest one."""
        return self.points[-1][1]


def parse_url(text: str) -> Endpoint:
    """`https://user:password@host:9090/prefix`. ValueError says what is wrong with it."""
    parts = urllib.parse.urlsplit(text)
    if parts.scheme not in ("http", "https"):
        raise ValueError("a URL that begins with http:// or https:// is wanted")
    if not parts.hostname or parts.query or parts.fragment:
        raise ValueError("a URL such as http://prometheus:9090 is wanted")
    path = f"{parts.path.rstrip('/')}/api/v1/"
    if not (path.isascii() and path.isprintable() and " " not in path):
        raise ValueError("its path has characters that a URL cannot have")
    authorization = ""
    if parts.username is not None:
        unquote = urllib.parse.unquote
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return Endpoint(parts.scheme, parts.hostname, parts.port, path, authorization)


class PrometheusApi:
    """Asks one Prometheus. The token is read anew each time: such files are replaced."""

    def __init__(self, endpoint: Endpoint, token_file: Path | None = None) -> None:
        self.endpoint = endpoint
        self._token_file = token_file

    def query(self, expression: str) -> list[Series]:
        """The series of a vector or a matrix. PrometheusError if there is no such answer."""
        status, body = self._post("query", {"query": expression})
        answer = _decoded(body)
        if answer.get("status") != "success":
            raise self._refused(status, answer)
        try:
            found = [_series(one) for one in answer["data"]["result"]]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._failed("its answer is not one of a Prometheus") from error
        return [series for series in found if series.points]

    def _post(self, what: str, form: Mapping[str, str]) -> tuple[int, bytes]:
        end = self.endpoint
        kind = http.client.HTTPSConnection if end.scheme == "https" else (
            http.client.HTTPConnection
        )  # fmt: skip
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if authorization := self._authorization():
            headers["Authorization"] = authorization
        try:
            connection = kind(end.host, end.port, timeout=_TIMEOUT_S)
            try:
                connection.request(
                    "POST", end.path + what, urllib.parse.urlencode(form), headers
                )
                response = connection.getresponse()
                body = response.read(_MOST_BYTES + 1)
            finally:
                connection.close()
        # UnicodeError: a host that cannot be looked up, or bytes of --match that are no text.
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            said = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise self._failed(clean(said)) from error
        if len(body) > _MOST_BYTES:
            raise self._failed("its answer is longer than 64 MiB")
        return response.status, body

    def _authorization(self) -> str:
        if self._token_file is None:
            return self.endpoint.authorization
        try:
            with self._token_file.open("rb") as file:
                token = file.read(_MOST_TOKEN_BYTES).strip().decode("ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise PrometheusError(
                f"the token in {str(self._token_file)!r} cannot be read",
                why=getattr(error, "strerror", None) or "it is not text",
                fix="name a readable file with --token-file",
            ) from error
        if not token.isprintable():
            raise PrometheusError(
                f"the token in {str(self._token_file)!r} is not one line",
                fix="name a file that has the token alone",
            )
        return f"Bearer {token}"

    def _refused(self, status: int, answer: Mapping[str, Any]) -> PrometheusError:
        if status in _REFUSED:
            return self._failed(
                f"it refuses this user (HTTP {status})",
                "add --token-file FILE, or a user and password to the URL",
            )
        said = answer.get("error")
        if isinstance(said, str):
            return self._failed(clean(said), "check --match, which is a part of each query")
        return self._failed(f"HTTP {status}", "check the URL and its path")

    def _failed(
        self, why: str, fix: str = "check the URL, and that it runs"
    ) -> PrometheusError:
        return PrometheusError(
            f"{clean(self.endpoint.url)} did not answer a query", why=why, fix=fix
        )


def _decoded(body: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _series(result: Mapping[str, Any]) -> Series:
    """Values that are not finite, or that no size can have, are left out."""
    labels = {str(name): str(value) for name, value in result["metric"].items()}
    pairs = result["values"] if "values" in result else [result["value"]]
    points = [(float(at), float(value)) for at, value in pairs]
    return Series(labels, tuple(
        (at, value) for at, value in points if abs(at) < _MOST and abs(value) < _MOST
    ))  # fmt: skip
