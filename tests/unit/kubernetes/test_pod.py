"""Pods as the API describes them, and whose cgroup is whose."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.kubernetes.pod import Pod, PodContainer, parse_pod, place_of

UID = "0e0b6a9c-1b2c-4d3e-8f90-1234567890ab"
FIRST, SECOND = "ab" * 32, "cd" * 32
MANIFEST: dict[str, Any] = {
    "metadata": {"uid": UID, "namespace": "ci", "name": "build-1"},
    "spec": {
        "nodeName": "n1",
        "initContainers": [{"name": "clone"}],
        "containers": [{"name": "build", "resources": {"limits": {"memory": "64Mi"}}}],
    },
    "status": {
        "containerStatuses": [{
            "name": "build", "containerID": f"containerd://{SECOND}", "restartCount": 3,
            "lastState": {"terminated": {"reason": "OOMKilled",
                                         "containerID": f"containerd://{FIRST}"}},
        }],
    },
}  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["metadata", "spec", "status", "name", "uid", "containers", "lastState",
                         "containerStatuses", "terminated", "resources", "limits", "memory"]),
        inner, max_size=5,
    ),
)  # fmt: skip


def pod() -> Pod:
    found = parse_pod(MANIFEST)
    assert found is not None
    return found


def test_what_is_kept_of_a_pod() -> None:
    found = pod()
    assert (found.uid, found.namespace, found.name, found.node) == (UID, "ci", "build-1", "n1")
    assert not found.is_static
    assert found.containers == (
        PodContainer("clone"),
        PodContainer("build", (SECOND, FIRST), 64 << 20, 3, "OOMKilled"),
    )


def test_the_cgroup_of_a_container_is_found_also_after_its_restart() -> None:
    place = place_of(f"/kubepods/burstable/pod{UID}/{FIRST}")
    assert (place.uid, place.ids) == (UID, (FIRST,))
    found = pod().container(place.ids)
    assert found is not None
    assert found.name == "build"
    assert pod().container(place_of(f"/kubepods/pod{UID}/{'ef' * 32}").ids) is None
    assert place_of(f"/ci/{FIRST}") == ("", ())


def test_ids_of_earlier_containers_stay_known() -> None:
    third = {"name": "build", "containerID": f"containerd://{'ef' * 32}"}
    later = parse_pod({**MANIFEST, "status": {"containerStatuses": [third]}})
    assert later is not None
    assert later.after(pod()).containers[1].ids == ("ef" * 32, SECOND, FIRST)
    assert later.after(None) == later


def test_a_static_pod_is_known_by_the_uid_in_its_cgroup() -> None:
    mirror = {"kubernetes.io/config.mirror": "ab" * 16}
    metadata = {**MANIFEST["metadata"], "annotations": mirror}
    found = parse_pod({**MANIFEST, "metadata": metadata})
    assert found is not None
    assert (found.cgroup_uid, found.is_static) == ("ab" * 16, True)


def test_no_pod_takes_the_place_of_another_by_an_annotation() -> None:
    mirror = {"kubernetes.io/config.mirror": "11111111-1b2c-4d3e-8f90-1234567890ab"}
    metadata = {**MANIFEST["metadata"], "annotations": mirror}
    found = parse_pod({**MANIFEST, "metadata": metadata})
    assert found is not None
    assert found.cgroup_uid == UID


def test_an_object_without_a_name_is_none() -> None:
    assert parse_pod({}) is None
    assert parse_pod({"metadata": {"uid": UID, "namespace": "ci"}}) is None


@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status"]), JSON))
def test_whatever_the_api_sends_is_parsed(found: dict[str, Any]) -> None:
    parsed = parse_pod({"metadata": MANIFEST["metadata"], **found})
    assert parsed is None or all(one.name.isprintable() for one in parsed.containers)
