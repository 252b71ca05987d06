"""Events of the API about a pod, as events.k8s.io/v1 has them.

Source: k8s.io/api/events/v1/types.go, and pkg/apis/core/validation/events.go for the bounds.
"""

import os
from datetime import UTC, datetime
from typing import NamedTuple

from ebpftrace.kubernetes.lists import Object
from ebpftrace.kubernetes.pod import CgroupPlace, Pod
from ebpftrace.units import NS_PER_SECOND

CONTROLLER = "ebpftrace"

_NOTE_BYTES = 1024
_NAME_WIDTH = 200  # of a pod; with what is added an event's has 253 at most
_INSTANCE_WIDTH = 128


class PodEvent(NamedTuple):
    """Something to be said of a pod: `reason` is one word for programs, `note` for people.

    `action` is what was done. `time_ns` is Unix time.
    """

    place: CgroupPlace
    reason: str
    action: str
    note: str
    is_warning: bool
    time_ns: int


class SeriesKey(NamedTuple):
    """What one series of equal events is of."""

    pod_uid: str
    container: str
    reason: str
    action: str
    is_warning: bool


def series_key(event: PodEvent, pod: Pod) -> SeriesKey:
    """The series that an event belongs to; notes may differ."""
    container = pod.container(event.place.ids)
    name = "" if container is None else container.name
    return SeriesKey(pod.uid, name, event.reason, event.action, event.is_warning)


def new_event(event: PodEvent, pod: Pod, node: str) -> Object:
    """The object to create. Its name is drawn, so that no two are equal."""
    regarding = {
        "apiVersion": "v1", "kind": "Pod", "namespace": pod.namespace, "name": pod.name,
        "uid": pod.uid,
    }  # fmt: skip
    if container := series_key(event, pod).container:
        regarding["fieldPath"] = f"spec.containers{{{container}}}"
    name = pod.name[:_NAME_WIDTH].rstrip("-.")
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": f"{name}.{os.urandom(8).hex()}", "namespace": pod.namespace},
        "eventTime": micro_time(event.time_ns),
        "reportingController": CONTROLLER,
        "reportingInstance": node[:_INSTANCE_WIDTH],
        "regarding": regarding,
        "reason": event.reason,
        "action": event.action,
        "note": cut_note(event.note),
        "type": "Warning" if event.is_warning else "Normal",
    }


def series_patch(count: int, last_ns: int) -> Object:
    """What changes where an event happened again: `count` times in all."""
    return {"series": {"count": count, "lastObservedTime": micro_time(last_ns)}}


def micro_time(unix_ns: int) -> str:
    """As MicroTime: 2026-11-30T19:20:00.123456Z."""
    seconds, ns = divmod(unix_ns, NS_PER_SECOND)
    when = datetime.fromtimestamp(seconds, UTC)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{ns // 1000:06d}Z"


def cut_note(note: str) -> str:
    """Its first 1024 bytes, which is all that the API takes."""
    raw = note.encode("utf-8", "replace")
    if len(raw) <= _NOTE_BYTES:
        return raw.decode()
    end = "…"
    return raw[: _NOTE_BYTES - len(end.encode())].decode("utf-8", "ignore") + end
