import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.jobs import containers

ID = "0123456789ab" + "cdef" * 13
OTHER = "f" * 64
BUILD = "z7f5j0o0mvhmx8n3l2k3x4q5a"


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
        "/docker/buildkit/cache",
        f"/docker/buildkit/{BUILD.upper()}",
        "/system.slice/docker-proxy.scope",
        "/system.slice/docker.service",
        "/buildah-",
        f"/machine.slice/libpod-conmon-{ID}.scope",
        f"/kubepods/podx/crio-conmon-{ID}.scope",
        f"/docker/{ID}0",
        f"/jobs/x{ID}",
    ],
)
def test_path_without_a_container_has_no_location(path: str) -> None:
    assert containers.locate(path) is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"/docker/buildkit/{BUILD}", "docker z7f5j0o0mvhm"),
        (f"/system.slice/docker-{BUILD}.scope", "docker z7f5j0o0mvhm"),
        (f"/buildkit/{BUILD}", "buildkit z7f5j0o0mvhm"),
        (f"/docker/{OTHER}/buildkit/{BUILD}", "buildkit z7f5j0o0mvhm"),
        (f"/system.slice/buildkit-{BUILD}.scope", "buildkit z7f5j0o0mvhm"),
        (f"/docker/buildkit/{ID}", "docker 0123456789ab"),
        ("/machine.slice/buildah-buildah2893781237.scope", "buildah 2893781237"),
    ],
)
def test_step_of_an_image_build_is_a_container(path: str, name: str) -> None:
    location = containers.locate(path)
    assert location is not None
    assert (location.kind, location.name) == (name.split()[0], name)
    assert containers.container_id(path) is not None


@given(st.text(alphabet="/:-.abcdef0123docker", max_size=200))
def test_location_of_any_path_has_a_container_id(path: str) -> None:
    location = containers.locate(path)
    assert location is None or containers.container_id(path) is not None
