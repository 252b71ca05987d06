import pytest

from ebpftrace.host.mounts import Mount
from ebpftrace.jobs import kubernetes
from tests.support.environs import environ

UID = "12345678-9abc-def0-1234-56789abcdef0"
SNAKE = UID.replace("-", "_")
STATIC = "0123456789abcdef" * 2
ID = "e" * 64


@pytest.mark.parametrize(
    "path",
    [
        f"/kubepods/burstable/pod{UID}/{ID}",
        f"/kubepods/pod{UID}/{ID}",
        f"/kubepods/besteffort/pod{UID}",
        f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{SNAKE}.slice"
        f"/cri-containerd-{ID}.scope",
        f"/kubepods.slice/kubepods-pod{SNAKE}.slice/crio-{ID}.scope",
        f"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice"
        f"/kubelet-kubepods-burstable-pod{SNAKE}.slice/cri-containerd-{ID}.scope",
        f"/system.slice/containerd.service/kubepods-burstable-pod{SNAKE}.slice:cri-containerd:{ID}",
        f"/../../kubepods-burstable-pod{SNAKE}.slice/docker-{ID}.scope",
    ],
)
def test_pod_is_located_by_its_uid(path: str) -> None:
    location = kubernetes.locate(path, None)
    assert location is not None
    assert (location.kind, location.name) == ("kubernetes", "pod 12345678")
    assert f"pod uid {UID}" in location.identified_by
    assert ("container eeeeeeeeeeee" in location.identified_by) == (ID in path)


def test_static_pod_is_located() -> None:
    location = kubernetes.locate(f"/kubepods/burstable/pod{STATIC}/{ID}", None)
    assert location is not None
    assert location.name == "pod 01234567"


def test_hostname_names_the_pod_only_with_the_kubelets_variables() -> None:
    path = f"/kubepods/pod{UID}/{ID}"
    named = kubernetes.locate(
        path, environ({"HOSTNAME": "runner-4k2kd", "KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    )
    assert named is not None
    assert named.name == "runner-4k2kd"
    assert "HOSTNAME" in named.identified_by
    unnamed = kubernetes.locate(path, environ({"HOSTNAME": "laptop"}))
    assert unnamed is not None
    assert unnamed.name == "pod 12345678"


NODE = ("node-3.example.org", "node-3")
KUBELET = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
MOUNT = Mount(
    f"/var/lib/kubelet/pods/{UID}/containers/build/0a1b",
    "/dev/termination-log",
    "ext4",
    frozenset(),
)


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"HOSTNAME": "runner-4k2kd"}, "runner-4k2kd"),
        ({"HOSTNAME": "node-3"}, "build"),
        ({"HOSTNAME": "Node-3.internal"}, "build"),
        ({"HOSTNAME": "node-3", "POD_NAME": "runner-4k2kd"}, "runner-4k2kd"),
        ({"HOSTNAME": "node-3", "MY_POD_NAME": "runner-4k2kd"}, "runner-4k2kd"),
        ({"HOSTNAME": "node-3", "POD_NAME": "no name"}, "build"),
        ({"HOSTNAME": "worker", "NODE_NAME": "worker.example.org"}, "build"),
        ({"HOSTNAME": ""}, "build"),
    ],
)
def test_pod_with_the_nodes_network_is_not_called_after_the_node(
    variables: dict[str, str], name: str
) -> None:
    path = f"/kubepods/pod{UID}/{ID}"
    location = kubernetes.locate(path, environ({**KUBELET, **variables}), [MOUNT], NODE)
    assert location is not None
    assert location.name == name


def test_pod_of_the_nodes_name_without_a_container_name_is_known_by_its_uid() -> None:
    given = environ({**KUBELET, "HOSTNAME": "node-3"})
    location = kubernetes.locate(f"/kubepods/pod{UID}/{ID}", given, (), NODE)
    assert location is not None
    assert location.name == "pod 12345678"


@pytest.mark.parametrize("path", ["/", "/kubepods", "/kubepods/burstable", f"/jobs/pod{UID}"])
def test_path_without_a_pod_has_no_location(path: str) -> None:
    assert kubernetes.locate(path, None) is None
