import pytest

from ebpftrace.host.mounts import Mount
from ebpftrace.jobs import kubernetes
from tests.support.environs import environ

UID = "12345678-9abc-def0-1234-56789abcdef0"
SNAKE = UID.replace("-", "_")
STATIC = "0123456789abcdef" * 2
ID = "e" * 64
NODE_ID = "a" * 64


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
        f"/../../pod{UID}/{ID}",
        f"/../../../besteffort/pod{UID}/{ID}",
        f"/kubepods-burstable-pod{SNAKE}.slice:cri-containerd:{ID}",
        f"/k8s/kubepods/burstable/pod{UID}/{ID}",
        f"/k8s.slice/k8s-kubepods.slice/k8s-kubepods-besteffort.slice"
        f"/k8s-kubepods-besteffort-pod{SNAKE}.slice/crio-{ID}.scope",
        f"/kubepods.slice/kubepods-pod{SNAKE}.slice",
        f"/docker/{NODE_ID}/kubelet/kubepods/burstable/pod{UID}/{ID}",
        f"/docker/{NODE_ID}/kubepods/pod{UID}/{ID}",
        f"/system.slice/docker-{NODE_ID}.scope/kubelet.slice/kubelet-kubepods.slice"
        f"/kubelet-kubepods-pod{SNAKE}.slice/cri-containerd-{ID}.scope",
        f"/machine.slice/libpod-{NODE_ID}.scope/container/kubelet/kubepods/pod{UID}/{ID}",
    ],
)
def test_pod_is_located_by_its_uid(path: str) -> None:
    location = kubernetes.locate(path, None)
    assert location is not None
    assert (location.kind, location.name) == ("kubernetes", "pod 12345678")
    assert f"pod uid {UID}" in location.identified_by
    assert ("container eeeeeeeeeeee" in location.identified_by) == (ID in path)


@pytest.mark.parametrize("end", [f"/{ID}", "", f"/cri-containerd-{ID}.scope"])
@pytest.mark.parametrize(
    "path",
    [
        f"/ci/job/x-kubepods/pod{UID}",
        f"/x-kubepods/pod{UID}",
        f"/kubepods-x/pod{UID}",
        f"/k8s.slice/ci-kubepods.slice/ci-kubepods-pod{SNAKE}.slice",
        f"/k8s.slice/k8s-kubepods.slice/kubepods-pod{SNAKE}.slice",
        f"/k8s-kubepods.slice/k8s-kubepods-pod{SNAKE}.slice",
        f"/ci/job/kubepods/burstable/pod{UID}",
        f"/ci/kubelet/kubepods/burstable/pod{UID}",
        f"/kubelet/x/kubepods/pod{UID}",
        f"/user.slice/user-1.slice/user@1.service/kubepods.slice/kubepods-pod{SNAKE}.slice",
        f"/kubepods.slice/x.slice/kubepods-pod{SNAKE}.slice",
        f"/kubepods.slicex/kubepods-pod{SNAKE}.slice",
        f"/kubepods/x/pod{UID}",
        f"/kubepods/burstable/x/pod{UID}",
        f"/kubepods/burstable/xpod{UID}",
        f"/docker/{ID}/x/y/kubepods/pod{UID}",
        f"/docker/{ID[:-1]}/kubepods/pod{UID}",
        f"/docker/{ID}/docker/{ID}/kubepods/pod{UID}",
        f"/docker/x/kubepods/pod{UID}",
        f"/system.slice/runner.service/kubepods-pod{SNAKE}.slice:cri-containerd:{ID}",
        f"/../job/kubepods/pod{UID}",
        f"/../job/pod{UID}",
        f"/a/kubepods\\x0a/kubepods/pod{UID}",
    ],
)
def test_name_of_a_pod_elsewhere_on_a_path_is_no_pod(path: str, end: str) -> None:
    assert kubernetes.locate(path + end, None) is None
    assert kubernetes.pod_uid(path + end) == ""


def test_outermost_pod_counts() -> None:
    path = f"/kubepods/burstable/pod{UID}/{ID}/kubepods/burstable/pod{STATIC}/{ID}"
    assert kubernetes.pod_uid(path) == UID
    nested = f"/docker/{NODE_ID}/kubelet/kubepods/pod{UID}/docker/{ID}/kubepods/pod{STATIC}"
    assert kubernetes.pod_uid(nested) == UID


def test_account_of_a_pod_has_the_node_that_it_is_in() -> None:
    ids = {
        path: kubernetes.locate(f"{path}/kubepods/pod{UID}/{ID}", None)
        for path in ("", "/kubelet", f"/docker/{NODE_ID}", f"/docker/{NODE_ID}/kubelet", "/..")
    }
    found = {path: place and place.restart_id for path, place in ids.items()}
    assert found == {
        "": UID,
        "/..": UID,
        **{path: f"{path}/{UID}" for path in ids if path not in ("", "/..")},
    }


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


def test_the_api_s_name_comes_before_what_the_job_says() -> None:
    path = f"/kubepods/pod{UID}/{ID}"
    variables = environ({"POD_NAME": "own-words", "KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    named = kubernetes.locate(path, variables, api_name="build-1")
    own = kubernetes.locate(path, variables)
    assert named is not None and own is not None
    assert (named.name, own.name) == ("build-1", "own-words")
    assert "name from the Kubernetes API" in named.identified_by
    assert named.restart_id == own.restart_id  # budgets do not depend on it


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
