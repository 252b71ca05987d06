"""notify: report the incident by a line in the watch, JSON in a file, or a webhook."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Annotated, Any

from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.actions.support.background import Background
from ebpftrace.act.actions.support.running import Ended, Running, finished
from ebpftrace.act.incident.incident import Incident, facts, facts_json
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.text import clean
from ebpftrace.units import KIB, NS_PER_SECOND

_TEMPLATE_LIMIT = 16 * KIB
_FIRST_PAUSE_S = 0.5
_ANSWER_SECONDS = 10.0
_URL = re.compile(r"https?://[^/?#\s]+([/?#]\S*)?")
_TOKEN = re.compile(r"[0-9A-Za-z!#$%&'*+.^_`|~-]+")  # RFC 9110, a header's name
_PLACEHOLDER = re.compile(r"\$\{([a-z_]+)\}")
_STRING_OR_PLACEHOLDER = re.compile(r'"(?:[^"\\]|\\.)*"|\$\{[a-z_]+\}')


@dataclass(frozen=True, slots=True)
class NotifyOptions:
    """The options of one step; without any, it is a line in the views and the audit log."""

    file: Annotated[Path | None, "the facts are appended to it as a line of JSON"] = None
    url: Annotated[str | None, "the facts are sent there by POST, as JSON"] = None
    template: Annotated[
        str | None,
        'JSON to send instead, such as \'{"text": "${sentence}"}\'; ${…} are facts',
    ] = None
    headers: Annotated[dict[str, str], "headers sent with it"] = field(default_factory=dict)
    retries: Annotated[int, "how often a webhook is tried again"] = 3

    def __post_init__(self) -> None:
        if self.url is not None and not _URL.fullmatch(self.url):
            url = clean(self.url, 40)
            raise ValueError(f'url "{url}" is not http:// or https:// and a host')
        for name, value in self.headers.items():
            if not (_TOKEN.fullmatch(name) and value.isprintable() and value.isascii()):
                raise ValueError(f'headers has "{clean(name, 40)}", not a valid header')
        if self.template is not None:
            if self.url is None:
                raise ValueError("template without url")
            if len(self.template) > _TEMPLATE_LIMIT:
                raise ValueError(f"template is longer than {_TEMPLATE_LIMIT} characters")
            try:
                json.loads(_filled(self.template, {}))
            except ValueError as error:
                raise ValueError(f"template is not JSON: {error}") from error


def start(incident: Incident, options: NotifyOptions) -> Running:
    """A line is written at once; a file and a webhook on a thread."""
    if options.file is None and options.url is None:
        return finished(StepStatus.DONE, clean(incident.finding.sentence))
    return Background("notify", lambda cancelled: _send(incident, options, cancelled))


def _send(incident: Incident, options: NotifyOptions, cancelled: Event) -> Ended:
    details = []
    if options.file is not None:
        fd = os.open(options.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:  # all of it, or an error
            file.write(facts_json(incident))
        details.append(f"written to {clean(os.fsencode(options.file))}")
    if options.url is not None:
        sent, answer = _post(options.url, _body(incident, options), options, cancelled)
        details.append(answer)
        if not sent:
            return Ended(StepStatus.FAILED, ", ".join(details))
    return Ended(StepStatus.DONE, ", ".join(details))


def _body(incident: Incident, options: NotifyOptions) -> bytes:
    if options.template is None:
        return facts_json(incident)
    return _filled(options.template, facts(incident)).encode()


def _filled(template: str, known: Mapping[str, Any]) -> str:
    """The template with its placeholders filled in, always JSON.

    Within quotes a fact is text, elsewhere a JSON value. An unknown placeholder is kept
    within quotes, and is null elsewhere.
    """

    def as_text(match: re.Match[str]) -> str:
        value = known.get(match[1], match[0])
        return json.dumps("" if value is None else str(value))[1:-1]

    def fill(match: re.Match[str]) -> str:
        if match[0].startswith('"'):
            return _PLACEHOLDER.sub(as_text, match[0])
        return json.dumps(known.get(match[0][2:-1]))

    return _STRING_OR_PLACEHOLDER.sub(fill, template)


def _post(url: str, body: bytes, options: NotifyOptions, cancelled: Event) -> tuple[bool, str]:
    """(whether it was sent, the answer). Retried after an error of the server, not ours."""
    # Imported here: HTTP and TLS take megabytes that a watch without webhook does not need.
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class NoRedirect(HTTPRedirectHandler):
        """A redirected POST would arrive as a GET, without its body."""

        def redirect_request(self, *_: object) -> None:
            return None

    headers = {"Content-Type": "application/json", "User-Agent": "ebpftrace"}
    opener = build_opener(NoRedirect)
    pause, answer = _FIRST_PAUSE_S, ""
    for attempt in range(1, options.retries + 2):
        request = Request(url, body, headers | options.headers, method="POST")
        try:
            with opener.open(request, timeout=_ANSWER_SECONDS) as response:
                return True, f"webhook answered {response.status}" + _attempt(attempt)
        except HTTPError as error:
            answer = f"webhook answered {error.code}"
            error.close()
            if error.code < 500 and error.code not in (408, 429):
                return False, answer
        except (OSError, HTTPException) as error:
            reason = str(getattr(error, "reason", error)).strip() or type(error).__name__
            answer = f"webhook: {clean(reason)}"
        if cancelled.wait(pause):
            break
        pause *= 2
    return False, answer + _attempt(attempt)


def _attempt(attempt: int) -> str:
    return "" if attempt == 1 else f" at attempt {attempt}"


ACTION = Action(
    name="notify",
    options=NotifyOptions,
    doc="report it: a line, JSON in a file, or a webhook",
    timeout_ns=30 * NS_PER_SECOND,
    start=start,
    concurrent=True,
    after_outcome=False,
    informational=True,
    temporary=False,
    spends_budget=False,
    saves_evidence=False,
)
