import pytest

from ebpftrace.jobs import tekton
from tests.support.environs import environ

ARGS = (
    "/tekton/bin/entrypoint",
    "-wait_file",
    "/tekton/run/0/out",
    "-step_metadata_dir",
    "/tekton/run/1/status",
    "-entrypoint",
    "/bin/sh",
    "--",
    "-step_metadata_dir",
    "/tekton/run/9/status",
)


@pytest.mark.parametrize(
    ("pod", "name"),
    [
        ("build-x7k2p-pod", "build-x7k2p step 1"),
        ("build-x7k2p-pod-retry2", "build-x7k2p#2 step 1"),
        ("build-x7k2p-pod-b7q69", "build-x7k2p step 1"),
        ("hashed-name", "hashed-name step 1"),
    ],
)
def test_a_step_is_named_by_its_task_run(pod: str, name: str) -> None:
    run = tekton.identify(ARGS, environ({"HOSTNAME": pod}))
    assert run is not None
    assert (run.kind, run.name, run.run) == ("tekton", name, pod)


def test_the_old_place_of_the_program() -> None:
    args = ("/tekton/tools/entrypoint", "-step_metadata_dir", "/tekton/steps/build", "--")
    run = tekton.identify(args, environ({"HOSTNAME": "t-pod"}))
    assert run is not None
    assert run.name == "t step build"


@pytest.mark.parametrize("args", [(), ("/usr/bin/entrypoint",), ("entrypoint",)])
def test_another_entrypoint_is_not_tekton(args: tuple[str, ...]) -> None:
    assert tekton.identify(args, environ({"HOSTNAME": "t-pod"})) is None
