"""What becomes of events, where the API answers and where it does not."""

import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ebpftrace.kubernetes.client import ApiClient
from ebpftrace.kubernetes.event import PodEvent
from ebpftrace.kubernetes.pod import CgroupPlace, Pod
from ebpftrace.kubernetes.pods import KnownPods
from ebpftrace.kubernetes.recorder import EventRecorder
from tests.support.api_server import api_server, body
from tests.support.patience import patient

SECONDS = patient(60.0)


def event(reason: str = "MemoryLeak", uid: str = "u1") -> PodEvent:
    return PodEvent(CgroupPlace(uid, ()), reason, "FindWarning", "it leaks", True, 10**9)


@contextmanager
def recording(
    folder: Path, status: Callable[[str], str], clock: Callable[[], float] = time.monotonic
) -> Iterator[tuple[EventRecorder, KnownPods, list[str]]]:
    """`status` answers a method; the methods that were used."""
    methods: list[str] = []

    def answer(head: bytes, client: ssl.SSLSocket) -> None:
        methods.append(head.split()[0].decode())
        client.sendall(body("{}", status(methods[-1])))

    pods = KnownPods(600.0)
    with api_server(folder, answer) as account:
        recorder = EventRecorder(ApiClient(account), "n1", pods, clock)
        yield recorder, pods, methods


def until(ask: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not ask():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_equal_events_are_one_event_with_a_count(tmp_path: Path) -> None:
    with recording(tmp_path, lambda _: "200 OK") as (recorder, pods, methods):
        pods.seen(Pod("u1", "u1", "ci", "p1", "n1"))
        for reason in ("MemoryLeak", "MemoryLeak", "MemoryOom", "MemoryLeak"):
            recorder.put(event(reason))
        recorder.start()
        recorder.stop(SECONDS)
        assert recorder.counts == {"created": 2, "joined": 2}
        assert Counter(methods) == {"POST": 2, "PATCH": 1}


def test_a_refusal_is_counted_and_not_tried_again(tmp_path: Path) -> None:
    with recording(tmp_path, lambda _: "403 Forbidden") as (recorder, pods, methods):
        pods.seen(Pod("u1", "u1", "ci", "p1", "n1"))
        recorder.put(event())
        recorder.start()
        recorder.stop(SECONDS)
        assert recorder.counts == {"lost_refused": 1}
        assert methods == ["POST"]


def test_a_count_that_the_api_did_not_take_is_sent_again(tmp_path: Path) -> None:
    now, refused = [0.0], threading.Event()

    def status(method: str) -> str:
        if method == "PATCH" and not refused.is_set():
            refused.set()
            return "503 Service Unavailable"
        return "200 OK"

    with recording(tmp_path, status, lambda: now[0]) as (recorder, pods, methods):
        pods.seen(Pod("u1", "u1", "ci", "p1", "n1"))
        recorder.put(event())
        recorder.put(event())
        recorder.start()
        until(lambda: recorder.counts == {"created": 1, "joined": 1})
        now[0] = 20.0
        recorder.put(event())
        assert refused.wait(SECONDS)
        recorder.stop(SECONDS)
        assert methods == ["POST", "PATCH", "PATCH"]
        assert recorder.counts == {"created": 1, "joined": 2}


def test_a_count_that_could_not_be_sent_before_the_end_is_a_loss(tmp_path: Path) -> None:
    def status(method: str) -> str:
        return "503 Service Unavailable" if method == "PATCH" else "200 OK"

    with recording(tmp_path, status) as (recorder, pods, methods):
        pods.seen(Pod("u1", "u1", "ci", "p1", "n1"))
        recorder.put(event())
        recorder.put(event())
        recorder.start()
        recorder.stop(SECONDS)
        assert Counter(methods) == {"POST": 1, "PATCH": 1}
        assert recorder.counts == {"created": 1, "joined": 1, "lost_unreachable": 1}


def test_an_event_waits_until_its_pod_is_known(tmp_path: Path) -> None:
    created = threading.Event()

    def status(_: str) -> str:
        created.set()
        return "201 Created"

    with recording(tmp_path, status) as (recorder, pods, _):
        recorder.start()
        recorder.put(event())
        pods.seen(Pod("u1", "u1", "ci", "p1", "n1"))
        assert created.wait(SECONDS)
        recorder.stop(SECONDS)
        assert recorder.counts == {"created": 1}


def test_an_event_that_the_api_did_not_take_is_tried_again(tmp_path: Path) -> None:
    answers = ["503 Service Unavailable", "429 Too Many Requests", "201 Created"]
    done = threading.Event()

    def status(_: str) -> str:
        if len(answers) == 1:
            done.set()
        return answers.pop(0)

    with recording(tmp_path, status) as (recorder, pods, methods):
        pods.seen(Pod("u1", "u1", "ci", "p1", "n1"))
        recorder.start()
        recorder.put(event())
        assert done.wait(SECONDS)
        recorder.stop(SECONDS)
        assert recorder.counts == {"created": 1}
        assert methods == ["POST"] * 3


def test_a_pod_that_is_not_known_is_a_loss_after_a_minute() -> None:
    now = [0.0]
    client = ApiClient(None)  # type: ignore[arg-type] # it is never asked
    recorder = EventRecorder(client, "n1", KnownPods(600.0), lambda: now[0])
    recorder.put(event())
    now[0] = 61.0
    recorder.start()
    recorder.stop(SECONDS)
    assert recorder.counts == {"lost_unknown_pod": 1}


def test_the_queue_is_bounded_and_one_pod_has_a_part_of_it() -> None:
    client = ApiClient(None)  # type: ignore[arg-type] # it is never asked
    recorder = EventRecorder(client, "n1", KnownPods(600.0))
    for _ in range(40):
        recorder.put(event())
    assert recorder.counts == {"lost_queue": 8}
    for number in range(300):
        recorder.put(event(uid=f"v{number}"))
    assert recorder.counts == {"lost_queue": 8 + 32 + 300 - 256}
