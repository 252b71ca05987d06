from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.host import proc
from ebpftrace.host.environ import Environ
from ebpftrace.jobs import ancestry
from ebpftrace.jobs.ancestry import Ancestry
from tests.support.fakeroot import FakeRoot

GITLAB = {"GITLAB_CI": "true", "CI_JOB_ID": "5", "CI_PROJECT_PATH": "g/p", "CI_JOB_NAME": "a"}
OTHER = {**GITLAB, "CI_JOB_ID": "6"}


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeRoot]:
    root = FakeRoot(tmp_path)
    root.process(1, 0, environ=GITLAB, comm="init")
    yield root


def found(fake: FakeRoot, pid: int, parent: int = 0) -> tuple[int, str] | None:
    answer = Ancestry(fake.proc).find(pid, parent)
    return None if answer is None else (answer.pid, answer.run.run)


def test_the_own_environment_comes_first(fake: FakeRoot) -> None:
    fake.process(10, 1, environ=GITLAB)
    fake.process(11, 10, environ=OTHER)
    assert found(fake, 11) == (11, "6")


def test_the_nearest_ancestor_answers_for_a_cleared_environment(fake: FakeRoot) -> None:
    fake.process(10, 1, environ=OTHER)
    fake.process(11, 10, environ=GITLAB)
    fake.process(12, 11)
    fake.process(13, 12)
    assert found(fake, 13) == (11, "5")


def test_pid_1_is_never_asked(fake: FakeRoot) -> None:
    fake.process(10, 1)
    assert found(fake, 10) is None
    assert found(fake, 1) is None


@pytest.mark.parametrize(
    "agent", ["Runner.Worker", "gitlab-runner", "buildkite-agent", "containerd-shim", "systemd"]
)
def test_what_started_an_agent_is_not_its_jobs_run(fake: FakeRoot, agent: str) -> None:
    fake.process(10, 1, environ=GITLAB)
    fake.process(11, 10, environ=GITLAB, comm=agent)
    fake.process(12, 11)
    assert found(fake, 12) is None
    assert found(fake, 11) is None


def test_a_process_that_is_gone_is_answered_for_by_its_parent(fake: FakeRoot) -> None:
    fake.process(10, 1, environ=GITLAB)
    assert found(fake, 11, 10) == (10, "5")
    assert found(fake, 11, 99) is None
    assert found(fake, 11) is None


def test_a_parent_younger_than_its_child_is_a_reused_pid(fake: FakeRoot) -> None:
    fake.process(10, 1, environ=GITLAB, start_ticks=500)
    fake.process(11, 10, start_ticks=400)
    assert found(fake, 11) is None


def test_a_loop_of_parents_ends(fake: FakeRoot) -> None:
    fake.process(10, 11, start_ticks=5)
    fake.process(11, 10, start_ticks=5)
    assert found(fake, 10) is None


def test_ancestors_are_read_once_and_the_process_itself_each_time(
    fake: FakeRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.process(10, 1, environ=GITLAB)
    fake.process(11, 10)
    fake.process(12, 11)
    reads: list[int] = []

    def counted(pid: int, folder: Path) -> Environ | None:
        reads.append(pid)
        return proc.read_environ(pid, folder)

    monkeypatch.setattr(ancestry, "read_environ", counted)
    asked = Ancestry(fake.proc)
    for _ in range(3):
        assert asked.find(12) is not None
    assert sorted(reads) == [10, 11, 12, 12, 12]


def test_an_ancestor_that_executed_something_else_is_read_again(fake: FakeRoot) -> None:
    fake.process(10, 1, environ=GITLAB, comm="sh")
    fake.process(11, 10)
    asked = Ancestry(fake.proc)
    first = asked.find(11)
    fake.process(10, 1, environ=OTHER, comm="make")
    second = asked.find(11)
    assert first is not None
    assert second is not None
    assert (first.run.run, second.run.run) == ("5", "6")


def test_tekton_is_told_by_the_program_above_the_step(fake: FakeRoot) -> None:
    args = ("/tekton/bin/entrypoint", "-step_metadata_dir", "/tekton/run/0/status", "--")
    fake.process(10, 1, comm="entrypoint", args=args, environ={"HOSTNAME": "lint-pod"})
    fake.process(11, 10, comm="gopls", environ={"HOSTNAME": "lint-pod"})
    answer = Ancestry(fake.proc).find(11)
    assert answer is not None
    assert answer.run.name == "lint step 0"
