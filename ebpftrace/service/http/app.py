"""What is answered at each path, from the last frozen values that the engine published."""

import json
import time
from collections.abc import Mapping
from http import HTTPStatus

from ebpftrace.service.health import Check, checks, loop_check, remarks
from ebpftrace.service.http.answer import Answer, Work, plain
from ebpftrace.service.http.incidents import PATH, IncidentPages
from ebpftrace.service.http.passwords import Passwords, TooManyTriesError
from ebpftrace.service.http.request import HttpRequest
from ebpftrace.service.metrics.page import MetricsPage
from ebpftrace.service.state import State

_INDEX = f"ebpftrace: /metrics, /healthz, /readyz, {PATH}"
_STARTING_NS = 180 * 10**9


class App:
    """Answers requests on the server's one thread. `counts` are the server's, to show."""

    def __init__(
        self,
        state: State,
        page: MetricsPage,
        counts: Mapping[str, int],
        passwords: Passwords | None = None,
        incidents: IncidentPages | None = None,
    ) -> None:
        self._state, self._page, self._counts = state, page, counts
        self.passwords, self._incidents = passwords, incidents
        self._began_ns = time.monotonic_ns()

    def answer(self, request: HttpRequest) -> Answer | Work:
        """Probes of health need no password: they have nothing of a job."""
        if request.method not in ("GET", "HEAD"):
            return plain(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD", Allow="GET, HEAD")
        if request.path == "/healthz":
            return self._health(request, [self._alive()])
        if request.path == "/readyz":
            return self._health(request, list(checks(self._state.published)))
        of_incidents = f"{request.path}/".startswith(f"{PATH}/")
        if request.path not in ("/metrics", "/") and not of_incidents:
            return plain(HTTPStatus.NOT_FOUND, _INDEX)
        if (refused := self._refusal(request)) is not None:
            return refused
        if of_incidents and self._incidents is not None:
            return self._incidents.answer(request.path)
        if request.path == "/":
            return plain(HTTPStatus.OK, _INDEX)
        compress = request.takes_gzip
        content_type, body = self._page.render(
            self._state.published,
            request.header("accept"),
            compress=compress,
            http=dict(self._counts),
        )
        headers = {"Content-Encoding": "gzip"} if compress else {}
        headers["Vary"] = "Accept, Accept-Encoding"
        return Answer(HTTPStatus.OK, body, content_type, headers)

    def _refusal(self, request: HttpRequest) -> Answer | None:
        if self.passwords is None:
            return None
        try:
            if self.passwords.allow(request.header("authorization")):
                return None
        except TooManyTriesError:
            return plain(HTTPStatus.TOO_MANY_REQUESTS, "too many passwords", Retry_After="2")
        return plain(
            HTTPStatus.UNAUTHORIZED, "a user and a password are needed",
            WWW_Authenticate='Basic realm="ebpftrace", charset="UTF-8"',
        )  # fmt: skip

    def _alive(self) -> Check:
        """A start may take a while: the programs are compiled."""
        published, now_ns = self._state.published, time.monotonic_ns()
        starting = published.snapshot is None and now_ns - self._began_ns < _STARTING_NS
        if starting and not published.over:
            return Check("loop", True, "starting")
        return loop_check(published, now_ns)

    def _health(self, request: HttpRequest, found: list[Check]) -> Answer:
        ok = all(check.ok for check in found)
        status = HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE
        said = remarks(self._state.published)
        if not request.wants_json:
            return plain(status, _text(ok, found, said))
        body = {
            "ok": ok,
            "checks": [{"name": one.name, "ok": one.ok, "detail": one.detail} for one in found],
            "remarks": said,
        }
        return Answer(status, json.dumps(body).encode() + b"\n", "application/json")


def _text(ok: bool, found: list[Check], said: tuple[str, ...]) -> str:
    lines = ["ok" if ok else "failing"]
    lines += [f"{'ok' if one.ok else 'FAIL':<4} {one.name}: {one.detail}" for one in found]
    return "\n".join((*lines, *said))
