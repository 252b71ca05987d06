"""Events are written to a real API server, and read back by kubectl."""

import json
import time
from pathlib import Path
from typing import Any

from ebpftrace.kubernetes.client import ApiClient
from ebpftrace.kubernetes.event import PodEvent
from ebpftrace.kubernetes.pod import CgroupPlace, Pod, PodContainer
from ebpftrace.kubernetes.pods import KnownPods
from ebpftrace.kubernetes.recorder import EventRecorder
from tests.fleet.control_plane import ControlPlane
from tests.fleet.objects import CONTAINER_ID, create_pod
from tests.support.patience import patient

SECONDS = patient(60.0)
TIME_NS = 1_795_435_207_250_000_000


def event(uid: str, reason: str = "MemoryLeak", note: str = "build holds 60MiB") -> PodEvent:
    place = CgroupPlace(uid, (CONTAINER_ID,))
    return PodEvent(place, reason, "FindCritical", note, True, TIME_NS)


def recorder(plane: ControlPlane, *pods: Pod, account: str = "agent") -> EventRecorder:
    known = KnownPods(600.0)
    for pod in pods:
        known.seen(pod)
    token = plane.token("agents", account)
    return EventRecorder(ApiClient(plane.account(account, token, "n1")), "n1", known)


def written(recording: EventRecorder, *events: PodEvent) -> None:
    for one in events:
        recording.put(one)
    recording.start()
    recording.stop(SECONDS)


def pod(uid: str, namespace: str, name: str = "build-1") -> Pod:
    container = PodContainer("build", (CONTAINER_ID,))
    return Pod(uid, uid, namespace, name, "n1", containers=(container,))


def read(plane: ControlPlane, namespace: str) -> list[dict[str, Any]]:
    found = plane.kubectl("get", "events.events.k8s.io", "-n", namespace, "-o", "json")
    items: list[dict[str, Any]] = json.loads(found)["items"]
    return items


def test_kubectl_describe_pod_says_why(plane: ControlPlane, namespace: str) -> None:
    uid = create_pod(plane, namespace, "build-1")
    recording = recorder(plane, pod(uid, namespace))
    written(recording, event(uid), event(uid, "MemoryOom", "日本 " + "x" * 2000), event(uid))
    assert recording.counts == {"created": 2, "joined": 1}
    said = plane.kubectl("describe", "pod", "build-1", "-n", namespace)
    events = said.partition("Events:")[2]
    assert "MemoryLeak" in events
    assert "(x2 over" in events
    assert "build holds 60MiB" in events
    leak, oom = sorted(read(plane, namespace), key=lambda one: str(one["reason"]))
    assert leak["series"]["count"] == 2
    assert leak["regarding"]["fieldPath"] == "spec.containers{build}"
    assert (leak["reportingController"], leak["reportingInstance"]) == ("ebpftrace", "n1")
    assert oom["note"].startswith("日本 xxx")


def test_an_account_without_the_right_loses_events_and_counts_them(
    plane: ControlPlane, namespace: str
) -> None:
    uid = create_pod(plane, namespace, "build-1")
    recording = recorder(plane, pod(uid, namespace), account="powerless")
    written(recording, event(uid))
    assert recording.counts == {"lost_refused": 1}
    assert read(plane, namespace) == []


def test_a_pod_whose_job_has_a_thousand_findings_has_ten_events(
    plane: ControlPlane, namespace: str
) -> None:
    uid = create_pod(plane, namespace, "build-1")
    recording = recorder(plane, pod(uid, namespace))
    written(recording, *(event(uid, f"Memory{number}") for number in range(30)))
    assert recording.counts == {"created": 10, "lost_rate": 20}
    assert len(read(plane, namespace)) == 10


def test_the_longest_names_are_accepted(plane: ControlPlane, namespace: str) -> None:
    name = "p" * 240
    uid = create_pod(plane, namespace, name)
    recording = recorder(plane, pod(uid, namespace, name))
    written(recording, event(uid))
    assert recording.counts == {"created": 1}


def test_a_token_that_is_missing_loses_no_event_at_once(
    plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    uid = create_pod(plane, namespace, "build-1")
    known = KnownPods(600.0)
    known.seen(pod(uid, namespace))
    account = plane.account("missing", plane.token("agents", "agent"), "n1")
    token = (account.folder / "token").rename(tmp_path / "token")
    recording = EventRecorder(ApiClient(account), "n1", known)
    recording.put(event(uid))
    recording.start()
    token.rename(account.folder / "token")
    while not recording.counts:
        time.sleep(0.02)
    recording.stop(SECONDS)
    assert recording.counts == {"created": 1}
