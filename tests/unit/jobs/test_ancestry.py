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
    found_run = Ancestry(fake.proc).find(pid, parent)
    return None if found_run is None else (found_run.pid, found_run.run.run)


def test_own_environment_comes_first(fake: FakeRoot) -> None:
    fake.process(10, 1, environ=GITLAB)
    fake.process(11, 10, environ=OTHER)
    assert found(fake, 11) == (11, "6")


def test_nearest_ancestor_identifies_a_process_without_variables(
    fake: FakeRoot,
) -> None:
    fake.process(10, 1, environ=OTHER)
    fake.process(11, 10, environ=GITLAB)
    fake.process(12, 11)
    fake.process(13, 12)
    assert found(fake, 13) == (11, "5")


def test_environment_of_pid_1_is_ignored(fake: FakeRoot) -> None:
    fake.process(10, 1)
    assert found(fake, 10) is None
    assert found(fake, 1) is None


@pytest.mark.parametrize(
    "agent",
    [
        "Runner.Worker",
        "gitlab-runner",
        "buildkite-agent",
        "act_runner",
        "forgejo-runner",
        "containerd-shim",
        "buildkitd",
        "systemd",
        "sshd",
        "sshd-session",
        "dropbear",
        "cron",
        "login",
    ],
)
def test_environment_of_an_agent_and_above_is_ignored(fake: FakeRoot, agent: str) -> None:
    fake.process(10, 1, environ=GITLAB)
    fake.process(11, 10, environ=GITLAB, comm=agent)
    fake.process(12, 11)
    assert found(fake, 12) is None
    assert found(fake, 11) is None


def test_parent_identifies_a_process_that_has_ended(fake: FakeRoot) -> None:
    fake.process(10, 1, environ=GITLAB)
    assert found(fake, 11, 10) == (10, "5")
    assert found(fake, 11, 99) is None
    assert found(fake, 11) is None


def test_parent_younger_than_its_child_is_ignored(fake: FakeRoot) -> None:
    fake.process(10, 1, environ=GITLAB, start_ticks=500)
    fake.process(11, 10, start_ticks=400)
    assert found(fake, 11) is None


def test_loop_of_parents_ends(fake: FakeRoot) -> None:
    fake.process(10, 11, start_ticks=5)
    fake.process(11, 10, start_ticks=5)
    assert found(fake, 10) is None


def test_ancestors_are_cached_and_the_process_itself_is_not(
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
    finder = Ancestry(fake.proc)
    for _ in range(3):
        assert finder.find(12) is not None
    assert sorted(reads) == [10, 11, 12, 12, 12]


def test_ancestor_is_read_again_after_an_exec(fake: FakeRoot) -> None:
    fake.process(10, 1, environ=GITLAB, comm="sh")
    fake.process(11, 10)
    finder = Ancestry(fake.proc)
    first = finder.find(11)
    fake.process(10, 1, environ=OTHER, comm="make")
    second = finder.find(11)
    assert first is not None
    assert second is not None
    assert (first.run.run, second.run.run) == ("5", "6")


def test_tekton_entrypoint_above_a_step_identifies_it(fake: FakeRoot) -> None:
    args = ("/tekton/bin/entrypoint", "-step_metadata_dir", "/tekton/run/0/status", "--")
    fake.process(10, 1, comm="entrypoint", args=args, environ={"HOSTNAME": "lint-pod"})
    fake.process(11, 10, comm="gopls", environ={"HOSTNAME": "lint-pod"})
    found_run = Ancestry(fake.proc).find(11)
    assert found_run is not None
    assert found_run.run.name == "lint step 0"


@pytest.mark.parametrize(
    ("own", "of_ancestor", "belongs"),
    [
        ("7", "7", True),
        ("7", "4294967295", False),  # the job's daemon started a session for a user
        ("7", "3", False),
        ("4294967295", "4294967295", True),
        ("4294967295", "3", True),  # sessions are inherited: only a kernel of another kind
    ],
)
def test_login_below_a_daemon_of_a_job_is_not_part_of_the_job(
    fake: FakeRoot, own: str, of_ancestor: str, belongs: bool
) -> None:
    fake.process(10, 1, environ=GITLAB, comm="restarted")
    fake.process(11, 10, comm="gopls")
    (fake.proc / "10/sessionid").write_text(of_ancestor)
    (fake.proc / "11/sessionid").write_text(own)
    assert (found(fake, 11) is not None) == belongs


def test_a_deep_shell_costs_its_many_children_one_look(
    fake: FakeRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a flood of short processes takes the watch a look at every ancestor of each."""
    fake.process(10, 1, environ=GITLAB)
    for pid in range(11, 30):
        fake.process(pid, pid - 1)
    looks: list[int] = []

    def counted(pid: int, root: Path) -> proc.Stat | None:
        looks.append(pid)
        return proc.read_stat(pid, root)

    monkeypatch.setattr(ancestry, "read_stat", counted)
    runs = Ancestry(fake.proc)
    for pid in range(100, 110):  # each has ended already
        assert runs.find(pid, 29) is not None
        looks_before, looks[:] = len(looks), []
    assert looks_before == 2


def test_ancestors_of_a_process_with_another_parent_are_looked_at_again(
    fake: FakeRoot,
) -> None:
    fake.process(10, 1, environ=GITLAB)
    fake.process(11, 10)
    fake.process(12, 11)
    runs = Ancestry(fake.proc)
    assert runs.find(13, 12) is not None
    fake.process(12, 1)  # its parent has ended
    assert runs.find(13, 12) is None


def test_what_is_kept_of_ancestors_is_bounded(
    fake: FakeRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ancestry, "_CACHED_ANCESTORS", 3)
    fake.process(10, 1, environ=GITLAB)
    runs = Ancestry(fake.proc)
    for pid in range(11, 20):
        fake.process(pid, 10)
        assert runs.find(100, pid) is not None
    assert len(runs._above) == len(runs._cache) == 3
