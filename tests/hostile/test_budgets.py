"""A job takes the names of others' runs: it spends no budget of theirs, and gets none more."""

from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.acting import SECONDS
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.delegation import delegate, made_below
from tests.support.names import unique_comm
from tests.support.protection import protected_watch
from tests.support.records import Record, Watch
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

COMM = unique_comm()
VICTIMS_RUN = 1
POD = f"pod12345678-9abc-def0-1234-56789abcdef0/{'e' * 64}"
OPTIONS = ("--comm", COMM, "--interval", "200ms")

POLICY = f"""
[[policy]]
name = "end"
match.comm = "{COMM}"
capture = false
grace = "0s"
cooldown = "0s"
budget = {{ restarts = 1, window = "1h" }}
when = [{{ detector = "level", bound = "64MiB" }}]
then = [{{ action = "signal", grace = "20s", timeout = "60s" }}]
"""

GITHUB = {
    "GITHUB_ACTIONS": "true", "GITHUB_RUN_NUMBER": "7", "GITHUB_JOB": "test",
    "GITHUB_REPOSITORY": "org/repo", "GITHUB_RUN_ID": "{}",
}  # fmt: skip
GITLAB = {
    "GITLAB_CI": "true", "CI_PROJECT_PATH": "group/project", "CI_JOB_NAME": "test",
    "CI_SERVER_URL": "https://gitlab.example", "CI_JOB_ID": "{}",
}  # fmt: skip
JENKINS = {
    "JENKINS_URL": "https://ci.example", "JOB_NAME": "test", "BUILD_NUMBER": "{}",
    "BUILD_TAG": "jenkins-test-{}",
}  # fmt: skip


def step_of(
    watch: Watch,
    group: MemoryCgroup,
    variables: dict[str, str],
    run: int,
    *,
    hostile: bool = False,
) -> Record:
    """A process that says it is of this run grows; what is done about it.

    It is root's, or if `hostile` a user's.
    """
    environment = {name: value.format(run) for name, value in variables.items()}
    with Workload(
        COMM, cgroup=group, environment=environment, unprivileged=hostile
    ) as workload:
        workload.do("map 100MiB")
        with suppress(EOFError):  # it is ended before it answers
            workload.do("touch 0")
        return watch.wait_for(
            lambda record: record["type"] == "step" and record["pid"] == workload.pid, SECONDS
        )


@pytest.mark.parametrize("variables", [GITHUB, GITLAB, JENKINS], ids=["hub", "lab", "jenkins"])
def test_names_of_runs_give_no_budget_and_spend_none_elsewhere(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    with memory_cgroup() as hostile, memory_cgroup() as victim, memory_cgroup() as another:
        delegate(hostile)
        with protected_watch(tmp_path, *OPTIONS, policies=POLICY) as protection:
            watch = protection.watch
            assert (
                step_of(watch, hostile, variables, VICTIMS_RUN, hostile=True)["status"]
                == "done"
            )
            for run in (VICTIMS_RUN, 2, 3):
                more = step_of(watch, hostile, variables, run, hostile=True)
                assert (more["status"], "spent" in more["detail"]) == ("skipped", True)
            assert step_of(watch, victim, variables, VICTIMS_RUN)["status"] == "done"
            protection.verify()
        # The next start reads the accounts from the audit log.
        with protected_watch(tmp_path, *OPTIONS, policies=POLICY) as protection:
            watch = protection.watch
            assert step_of(watch, hostile, variables, 4, hostile=True)["status"] == "skipped"
            assert step_of(watch, another, variables, VICTIMS_RUN)["status"] == "done"
            protection.verify()


@pytest.mark.parametrize("root", ["kubepods/burstable", "x-kubepods", "kubelet/kubepods"])
def test_cgroup_named_like_a_pod_s_spends_no_budget_of_that_pod(
    tmp_path: Path, root: str
) -> None:
    with (
        memory_cgroup(name=f"kubepods/burstable/{POD}") as victim,
        memory_cgroup() as group,
        made_below(group, f"{root}/{POD}") as hostile,
        protected_watch(tmp_path, *OPTIONS, policies=POLICY) as protection,
    ):
        watch = protection.watch
        assert step_of(watch, hostile, {}, 1, hostile=True)["status"] == "done"
        for _ in range(2):
            assert step_of(watch, hostile, {}, 1, hostile=True)["status"] == "skipped"
        step = step_of(watch, victim, {}, 1)
        assert (step["status"], step["job"]["kind"]) == ("done", "kubernetes")
        protection.verify()
