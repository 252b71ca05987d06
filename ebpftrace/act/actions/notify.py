"""notify: report the incident by a line in the watch, JSON in a file, or a webhook."""

import errno
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
from ebpftrace.errors import UntrustedError
from ebpftrace.text import clean
from ebpftrace.trusted import TrustedFolder
from ebpftrace.units import KIB, NS_PER_SECOND

_NOT_REGULAR = "it is not a regular file"
_TEMPLATE_LIMIT = 16 * KIB
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
    return Background(
        "notify", incident.target, lambda cancelled: _send(incident, options, cancelled)
    )


def _send(incident: Incident, options: NotifyOptions, cancelled: Event) -> Ended:
    details = []
    if options.file is not None:
        with os.fdopen(_open(options.file), "wb") as file:  # all of it, or an error
            file.write(facts_json(facts(incident)))
        details.append(f"written to {clean(os.fsencode(options.file))}")
    if options.url is not None:
        # Imported here: HTTP and TLS take megabytes that a watch without webhook does not need.
        from ebpftrace.act.actions.support.webhook import post

        body = _body(incident, options)
        sent, answer = post(options.url, body, options.headers, options.retries, cancelled)
        details.append(answer)
        if not sent:
            return Ended(StepStatus.FAILED, ", ".join(details))
    return Ended(StepStatus.DONE, ", ".join(details))


def _open(file: Path) -> int:
    """For appending. OSError unless it is a regular file, or none yet: a pipe without a
    reader, a device or a link would hold up the thread or be written instead. UntrustedError
    if another user could have it be another file."""
    try:
        with TrustedFolder.open("the file of notify", file.parent, sticky=True) as folder:
            return folder.open_file(file.name, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    except UntrustedError as error:
        if file.is_symlink():
            raise OSError(errno.EINVAL, _NOT_REGULAR, str(file)) from error
        raise
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.EISDIR):
            raise OSError(errno.EINVAL, _NOT_REGULAR, str(file)) from error
        error.filename = str(file)
        raise


def _body(incident: Incident, options: NotifyOptions) -> bytes:
    if options.template is None:
        return facts_json(facts(incident))
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


ACTION = Action(
    name="notify",
    options=NotifyOptions,
    doc="report it: a line, JSON in a file, or a webhook",
    timeout_ns=30 * NS_PER_SECOND,
    start=start,
    prepare=None,
    concurrent=True,
    after_outcome=False,
    informational=True,
    temporary=False,
    spends_budget=False,
    saves_evidence=False,
    awaits_evidence=False,
)
