import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.jobs import containers

ID = "0123456789ab" + "cdef" * 13
OTHER = "f" * 64


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (f"/docker/{ID}", "docker"),
        (f"/system.slice/docker-{ID}.scope", "docker"),
        (
            f"/user.slice/user-1000.slice/user@1000.service/app.slice/docker-{ID}.scope",
            "docker",
        ),
        (f"/docker/{ID}/init.scope", "docker"),
        (f"/docker/{OTHER}/docker/{ID}", "docker"),
        (f"/k.slice/cri-containerd-{ID}.scope", "containerd"),
        (
            f"/system.slice/containerd.service/kubepods-podx.slice:cri-containerd:{ID}",
            "containerd",
        ),
        (f"/system.slice/nerdctl-{ID}.scope", "containerd"),
        (f"/kubepods/podx/crio-{ID}", "cri-o"),
        (f"/machine.slice/libpod-{ID}.scope/container", "podman"),
        (f"/libpod_parent/libpod-{ID}", "podman"),
        (f"/user.slice/run-u1.scope/libpod-payload-{ID}", "podman"),
        (f"/ecs/task/{ID}", "container"),
    ],
)
def test_container_is_located_by_its_id(path: str, kind: str) -> None:
    location = containers.locate(path)
    assert location is not None
    assert (location.kind, location.name) == (kind, f"{kind} 0123456789ab")
    assert "0123456789ab" in location.identified_by
    assert containers.container_id(path) == ID


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/docker",
        "/docker/buildkit",
        f"/machine.slice/libpod-conmon-{ID}.scope",
        f"/kubepods/podx/crio-conmon-{ID}.scope",
        f"/docker/{ID}0",
        f"/jobs/x{ID}",
    ],
)
def test_path_without_a_container_has_no_location(path: str) -> None:
    assert containers.locate(path) is None


@given(st.text(alphabet="/:-.abcdef0123docker", max_size=200))
def test_location_of_any_path_has_a_container_id(path: str) -> None:
    location = containers.locate(path)
    assert location is None or containers.container_id(path) is not None
