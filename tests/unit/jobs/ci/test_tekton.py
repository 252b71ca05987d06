import pytest

from ebpftrace.jobs.ci.run import CiProcess, CiRun
from ebpftrace.jobs.ci.tekton import Tekton
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


def identify(
    args: tuple[str, ...], pod: str = "t-pod", comm: str = "entrypoint"
) -> CiRun | None:
    return Tekton().identify(CiProcess(comm, environ({"HOSTNAME": pod}), lambda: args))


@pytest.mark.parametrize(
    ("pod", "name"),
    [
        ("build-x7k2p-pod", "build-x7k2p step 1"),
        ("build-x7k2p-pod-retry2", "build-x7k2p#2 step 1"),
        ("build-x7k2p-pod-b7q69", "build-x7k2p step 1"),
        ("hashed-name", "hashed-name step 1"),
    ],
)
def test_step_is_named_by_its_task_run(pod: str, name: str) -> None:
    run = identify(ARGS, pod)
    assert run is not None
    assert (run.kind, run.name, run.run) == ("tekton", name, pod)


def test_entrypoint_of_old_versions_is_recognised() -> None:
    args = ("/tekton/tools/entrypoint", "-step_metadata_dir", "/tekton/steps/build", "--")
    run = identify(args)
    assert run is not None
    assert run.name == "t step build"


@pytest.mark.parametrize("args", [(), ("/usr/bin/entrypoint",), ("entrypoint",)])
def test_another_entrypoint_is_not_tekton(args: tuple[str, ...]) -> None:
    assert identify(args) is None


def test_arguments_are_read_of_entrypoint_only() -> None:
    assert identify(ARGS, comm="sh") is None


def test_runs_of_a_task_have_the_same_recurring_name() -> None:
    names = {run.recurring for pod in ("lint-run-x7k2p-pod", "lint-run-b7q69-pod-retry1")
             if (run := identify(ARGS, pod))}  # fmt: skip
    assert names == {"lint-run-*/1"}
