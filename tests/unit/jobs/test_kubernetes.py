import pytest

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


@pytest.mark.parametrize("path", ["/", "/kubepods", "/kubepods/burstable", f"/jobs/pod{UID}"])
def test_path_without_a_pod_has_no_location(path: str) -> None:
    assert kubernetes.locate(path, None) is None
