"""A pod as the API describes it: what is kept of it, cleaned where it enters."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ebpftrace.jobs.kubernetes import pod_uid
from ebpftrace.kubernetes.ci_labels import NO_RUN, PodRun, find_run
from ebpftrace.kubernetes.quantity import parse_bytes
from ebpftrace.text import clean

_NAME_LIMIT = 253
_MOST_CONTAINERS = 64
_ID = re.compile(r"[0-9a-f]{64}")
_MIRROR = "kubernetes.io/config.mirror"
_STATIC_UID = re.compile(r"[0-9a-f]{32}")
"""Never that of another pod: the API's have dashes, and anyone may write the annotation."""
_MOST_IDS = 8
_MOST_RESTARTS = 1 << 31


class PodContainer(NamedTuple):
    """A container. `ids` are its runtime's, the newest first; `last_reason` is why it ended
    the last time: "OOMKilled", "Error"; "" if it did not."""

    name: str
    ids: tuple[str, ...] = ()
    memory_limit_bytes: int | None = None
    restarts: int = 0
    last_reason: str = ""


class Pod(NamedTuple):
    """`cgroup_uid` is the uid in its cgroup's path, which of a static pod is another."""

    uid: str
    cgroup_uid: str
    namespace: str
    name: str
    node: str
    run: PodRun = NO_RUN
    containers: tuple[PodContainer, ...] = ()

    @property
    def is_static(self) -> bool:
        """Whether the kubelet runs it from a file, and the API only mirrors it."""
        return self.uid != self.cgroup_uid

    def container(self, ids: tuple[str, ...]) -> PodContainer | None:
        """The one that a cgroup with these container ids in its path is of."""
        return next((one for one in self.containers if not {*ids}.isdisjoint(one.ids)), None)

    def after(self, before: "Pod | None") -> "Pod":
        """With the container ids that are known from before: a restart brings new ones."""
        if before is None:
            return self
        known = {one.name: one.ids for one in before.containers}
        return self._replace(
            containers=tuple(
                one._replace(
                    ids=tuple(dict.fromkeys(one.ids + known.get(one.name, ())))[:_MOST_IDS]
                )
                for one in self.containers
            )
        )


class CgroupPlace(NamedTuple):
    """The pod that a cgroup belongs to, by its path: its uid, and ids of containers."""

    uid: str
    ids: tuple[str, ...]


@lru_cache(maxsize=8192)
def place_of(given_path: str) -> CgroupPlace:
    """Of the part of a cgroup's path that the job cannot choose; uid "" outside pods."""
    uid = pod_uid(given_path)
    return CgroupPlace(uid, tuple(_ID.findall(given_path)) if uid else ())


def parse_pod(found: Mapping[str, Any]) -> Pod | None:
    """None for an object without uid, namespace and name. What is missing is left out."""
    metadata = _mapping(found.get("metadata"))
    uid, namespace, name = (_text(metadata.get(key)) for key in ("uid", "namespace", "name"))
    if not (uid and namespace and name):
        return None
    labels, annotations = (_mapping(metadata.get(key)) for key in ("labels", "annotations"))
    spec, status = _mapping(found.get("spec")), _mapping(found.get("status"))
    mirror = annotations.get(_MIRROR)
    is_static = isinstance(mirror, str) and _STATIC_UID.fullmatch(mirror)
    return Pod(
        uid=uid,
        cgroup_uid=str(mirror) if is_static else uid,
        namespace=namespace,
        name=name,
        node=_text(spec.get("nodeName")),
        run=find_run(labels, annotations),
        containers=tuple(_containers(spec, status)),
    )


def _containers(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Iterator[PodContainer]:
    states = {
        one.get("name"): one
        for key in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
        for one in _mappings(status.get(key))
        if isinstance(one.get("name"), str)
    }
    wanted = [
        one
        for key in ("initContainers", "containers", "ephemeralContainers")
        for one in _mappings(spec.get(key))
    ]
    for one in wanted[:_MOST_CONTAINERS]:
        state = states.get(one.get("name"), {})
        ended = _mapping(_mapping(state.get("lastState")).get("terminated"))
        now = _mapping(_mapping(state.get("state")).get("terminated"))
        limits = _mapping(_mapping(one.get("resources")).get("limits"))
        ids = (_id(it.get("containerID")) for it in (state, now, ended))
        restarts = state.get("restartCount")
        yield PodContainer(
            name=_text(one.get("name")),
            ids=tuple(dict.fromkeys(filter(None, ids))),
            memory_limit_bytes=parse_bytes(limits.get("memory")),
            restarts=restarts if isinstance(restarts, int) and 0 <= restarts < _MOST_RESTARTS
            else 0,
            last_reason=_text(now.get("reason") or ended.get("reason")),
        )  # fmt: skip


def _id(text: object) -> str:
    """The id of `containerd://ID`."""
    match = _ID.search(text) if isinstance(text, str) else None
    return match[0] if match else ""


def _text(value: object) -> str:
    return clean(value, _NAME_LIMIT) if isinstance(value, str) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
