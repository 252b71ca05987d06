"""A watch of pods: what the API sends, what it forgets, and what it refuses.

tests/fleet has the same with a real API server.
"""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from ebpftrace.kubernetes.client import ApiClient
from ebpftrace.kubernetes.pods import KnownPods
from ebpftrace.kubernetes.watcher import PodWatcher
from tests.support.api_server import api_server, body
from tests.support.patience import patient

SECONDS = patient(60.0)
Asked = dict[str, str]


def pod(number: int, version: int) -> dict[str, object]:
    return {"metadata": {"uid": f"u{number}", "namespace": "ci", "name": f"p{number}",
                         "resourceVersion": str(version)}}  # fmt: skip


def listed(version: int, *pods: dict[str, object]) -> bytes:
    return body(json.dumps({"metadata": {"resourceVersion": str(version)}, "items": pods},
                           separators=(",", ":")))  # fmt: skip


def events(*pairs: tuple[str, dict[str, object]]) -> bytes:
    return body("".join(json.dumps({"type": it, "object": of}) + "\n" for it, of in pairs))


@contextmanager
def asked(
    folder: Path, script: Callable[[int, Asked], bytes], until: int
) -> Iterator[tuple[PodWatcher, list[Asked]]]:
    """A watcher whose requests were answered by the script, this many of them."""
    requests: list[Asked] = []
    enough = threading.Event()

    def answer(head: bytes, client: ssl.SSLSocket) -> None:
        query = parse_qs(urlsplit(head.split()[1].decode()).query)
        requests.append({name: value[0] for name, value in query.items()})
        if len(requests) > until:
            enough.set()
            client.sendall(body("{}", "503 Service Unavailable"))
        else:
            client.sendall(script(len(requests), requests[-1]))

    with api_server(folder, answer) as account:
        watcher = PodWatcher(
            ApiClient(account), account.node, KnownPods(600.0), longest_pause=0.01
        )
        watcher.start()
        try:
            assert enough.wait(SECONDS)
            yield watcher, requests[: until + 1]
        finally:
            watcher.stop(SECONDS)


def test_a_watch_begins_where_the_last_one_ended(tmp_path: Path) -> None:
    answers = [
        listed(5, pod(1, 3)),
        events(("ADDED", pod(2, 6)), ("DELETED", pod(1, 7))),
        events(("BOOKMARK", {"metadata": {"resourceVersion": "90"}})),
    ]
    with asked(tmp_path, lambda number, _: answers[number - 1], 3) as (watcher, requests):
        assert {one.name for one in watcher.pods.now.values()} == {"p1", "p2"}
    assert [one["resourceVersion"] for one in requests] == ["0", "5", "7", "90"]
    assert {one["fieldSelector"] for one in requests} == {"spec.nodeName=n1"}
    assert ["watch" in one for one in requests] == [False, True, True, True]
    assert {one.get("allowWatchBookmarks", "true") for one in requests} == {"true"}


def test_what_the_api_forgot_is_listed_again_and_other_errors_are_not(tmp_path: Path) -> None:
    gone: dict[str, object] = {"code": 410, "message": "too old resource version"}
    broken: dict[str, object] = {"code": 500, "message": "etcd"}
    answers = [
        listed(5, pod(1, 3)), events(("ERROR", gone)),
        listed(8, pod(2, 8)), events(("ERROR", broken)),
        body(json.dumps(gone), "410 Gone"),
    ]  # fmt: skip
    with asked(tmp_path, lambda number, _: answers[number - 1], 5) as (watcher, requests):
        assert set(watcher.pods.now) == {"u1", "u2"}
        assert watcher.lists == 2
    assert [one["resourceVersion"] for one in requests] == ["0", "5", "0", "8", "8", "0"]


def test_while_the_api_is_away_what_was_known_stays(tmp_path: Path) -> None:
    def script(number: int, _: Asked) -> bytes:
        refusal = body('{"message": "no rights"}', "403 Forbidden")
        return listed(5, pod(1, 3)) if number == 1 else refusal

    with asked(tmp_path, script, 3) as (watcher, requests):
        assert set(watcher.pods.now) == {"u1"}
        assert not watcher.status.connected
        assert "the Kubernetes API answered" in watcher.status.trouble
    assert [one["resourceVersion"] for one in requests] == ["0", "5", "5", "5"]


def test_an_event_that_is_nonsense_ends_that_watch_alone(tmp_path: Path) -> None:
    answers = [
        listed(5),
        body('{"type": "ADDED", "object": 7}\n'),
        events(("ADDED", pod(1, 9))),
    ]
    with asked(tmp_path, lambda number, _: answers[number - 1], 3) as (watcher, requests):
        assert set(watcher.pods.now) == {"u1"}
    assert [one["resourceVersion"] for one in requests] == ["0", "5", "5", "9"]
