"""notify: a line, a file, and a webhook on the loopback that answers as the test asks."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ebpftrace.act.actions import ACTIONS, notify
from ebpftrace.act.incident.outcome import StepStatus
from tests.support.incidents import act, incident

HANG_UP, NO_HTTP = -1, -2


@dataclass
class Hook:
    """A webhook: the answers to give, and what it was sent."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def hook() -> Iterator[Hook]:
    received = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            received.headers.append(dict(self.headers))
            answer = received.answers.pop(0) if received.answers else 200
            if answer == HANG_UP:
                self.close_connection = True
                return
            if answer == NO_HTTP:
                self.wfile.write(b"no http\n")
                return
            self.send_response(answer)
            if answer in (301, 302, 307):
                self.send_header("Location", received.url)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield received
        server.shutdown()
        thread.join()


def test_line_is_the_sentence_of_the_finding() -> None:
    ended = act("notify", incident(), notify.NotifyOptions())
    assert ended.status is StepStatus.DONE
    assert ended.detail == incident().finding.sentence


def test_each_incident_appends_a_line_of_json(tmp_path: Path) -> None:
    for _ in range(2):
        ended = act("notify", incident(), notify.NotifyOptions(file=tmp_path / "facts.jsonl"))
        assert ended.status is StepStatus.DONE
    lines = (tmp_path / "facts.jsonl").read_text().splitlines()
    assert [json.loads(line)["pid"] for line in lines] == [4711, 4711]


def test_file_that_cannot_be_written_is_a_failure() -> None:
    ended = act("notify", incident(), notify.NotifyOptions(file=Path("/nowhere/received")))
    assert ended.status is StepStatus.FAILED
    assert ended.detail == "/nowhere/received: No such file or directory"


@pytest.mark.parametrize("kind", ["pipe", "link", "device", "folder", "socket"])
def test_file_must_be_a_regular_one(tmp_path: Path, kind: str) -> None:
    """Opening a pipe without a reader would never return."""
    file = tmp_path / "facts"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "link":
        (tmp_path / "victim").write_text("")
        file.symlink_to(tmp_path / "victim")
    elif kind == "device":
        file = Path("/dev/null")
    elif kind == "socket":
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(file))
        listening.close()
    else:
        file.mkdir()
    ended = act("notify", incident(), notify.NotifyOptions(file=file))
    assert ended.status is StepStatus.FAILED
    assert ended.detail == f"{file}: it is not a regular file"
    assert kind != "link" or not (tmp_path / "victim").read_text()


def test_pipe_with_a_reader_is_no_regular_file_either(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        ended = act("notify", incident(), notify.NotifyOptions(file=tmp_path / "pipe"))
        assert ended.detail == f"{tmp_path}/pipe: it is not a regular file"
    finally:
        os.close(reader)


def test_webhook_gets_the_facts(hook: Hook) -> None:
    options = notify.NotifyOptions(url=hook.url, headers={"Authorization": "Bearer x"})
    ended = act("notify", incident(), options)
    assert (ended.status, ended.detail) == (StepStatus.DONE, "webhook answered 200")
    assert json.loads(hook.bodies[0])["job"] == "build-42"
    assert hook.headers[0]["Authorization"] == "Bearer x"
    assert hook.headers[0]["Content-Type"] == "application/json"


def test_template_stays_json_whatever_the_facts_are(hook: Hook) -> None:
    hostile = incident(comm='a"b\\c\n')
    template = '{"text": "${comm} ${pid} ${nothing}"}'
    act("notify", hostile, notify.NotifyOptions(url=hook.url, template=template))
    assert json.loads(hook.bodies[0]) == {"text": 'a"b\\c\n 4711 ${nothing}'}


def test_fact_without_quotes_is_a_json_value(hook: Hook) -> None:
    template = '{"pid": ${pid}, "job": ${job}, "limit": ${limit_bytes}, "x": [${nothing}]}'
    act("notify", incident(), notify.NotifyOptions(url=hook.url, template=template))
    assert json.loads(hook.bodies[0]) == {
        "pid": 4711, "job": "build-42", "limit": None, "x": [None],
    }  # fmt: skip


def test_server_error_is_retried(hook: Hook) -> None:
    hook.answers = [503, 200]
    ended = act("notify", incident(), notify.NotifyOptions(url=hook.url))
    assert ended.detail == "webhook answered 200 at attempt 2"
    assert len(hook.bodies) == 2


@pytest.mark.parametrize("answers", [[503, HANG_UP], [NO_HTTP, 429]])
def test_webhook_is_retried_until_it_is_accepted(hook: Hook, answers: list[int]) -> None:
    hook.answers = list(answers)
    template = '{"text": "${comm} ${pid}: ${detector}"}'
    ended = act("notify", incident(), notify.NotifyOptions(url=hook.url, template=template))
    assert ended.status is StepStatus.DONE
    assert ended.detail == "webhook answered 200 at attempt 3"
    assert len(hook.bodies) == 3
    assert json.loads(hook.bodies[-1]) == {"text": "gopls 4711: growth"}


@pytest.mark.parametrize("code", [301, 302, 307])
def test_redirect_is_a_failure(hook: Hook, code: int) -> None:
    """A client that follows it sends a GET without a body."""
    hook.answers = [code]
    ended = act("notify", incident(), notify.NotifyOptions(url=hook.url))
    assert (ended.status, ended.detail) == (StepStatus.FAILED, f"webhook answered {code}")


def test_client_error_is_not_retried(hook: Hook) -> None:
    hook.answers = [404]
    ended = act("notify", incident(), notify.NotifyOptions(url=hook.url))
    assert (ended.status, ended.detail) == (StepStatus.FAILED, "webhook answered 404")
    assert len(hook.bodies) == 1


def test_unreachable_server_is_a_failure_after_the_retries() -> None:
    options = notify.NotifyOptions(url="http://127.0.0.1:9/hook", retries=1)
    ended = act("notify", incident(), options)
    assert ended.status is StepStatus.FAILED
    assert ended.detail == "webhook: [Errno 111] Connection refused at attempt 2"


def test_stopped_notify_is_not_retried(hook: Hook) -> None:
    hook.answers = [500] * 9
    running = ACTIONS["notify"].start(incident(), notify.NotifyOptions(url=hook.url, retries=9))
    while not hook.bodies:
        assert running.poll(0) is None
    running.stop()
    assert len(hook.bodies) < 9


@pytest.mark.parametrize(
    "options",
    [
        {"url": "ftp://x"}, {"url": "http://"}, {"url": "http:///x"}, {"url": "http://a b/"},
        {"template": "{}"}, {"url": "http://x", "template": "{text}"},
        {"url": "http://x", "headers": {"X": "a\r\nEvil: b"}},
        {"url": "http://x", "headers": {"X Y": "a"}},
    ],
)  # fmt: skip
def test_options_that_cannot_work_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"^url|^template|^headers"):
        notify.NotifyOptions(**options)  # type: ignore[arg-type]
