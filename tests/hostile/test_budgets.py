"""A job takes the names of others' runs: it spends no budget of theirs, and gets none more."""

import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.acting import SECONDS
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.names import unique_comm
from tests.support.records import Record, Watch
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

COMM = unique_comm()
VICTIMS_RUN = 1

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


def step_of(watch: Watch, group: MemoryCgroup, variables: dict[str, str], run: int) -> Record:
    """A process that says it is of this run grows; what is done about it."""
    environment = {name: value.format(run) for name, value in variables.items()}
    with Workload(COMM, cgroup=group, environment=environment) as workload:
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
    file = tmp_path / "policy.toml"
    file.write_text(POLICY, "utf-8")
    file.chmod(0o644)
    options = (
        "--comm", COMM, "--interval", "200ms", "--config", str(file),
        "--audit", str(tmp_path / "audit.jsonl"),
    )  # fmt: skip
    with memory_cgroup() as hostile, memory_cgroup() as victim, memory_cgroup() as another:
        with Watch(*options) as watch:
            assert step_of(watch, hostile, variables, VICTIMS_RUN)["status"] == "done"
            for run in (VICTIMS_RUN, 2, 3):
                more = step_of(watch, hostile, variables, run)
                assert (more["status"], "spent" in more["detail"]) == ("skipped", True)
            assert step_of(watch, victim, variables, VICTIMS_RUN)["status"] == "done"
            assert watch.stop(signal.SIGTERM).code == 0
        # The next start reads the accounts from the audit log.
        with Watch(*options) as watch:
            assert step_of(watch, hostile, variables, 4)["status"] == "skipped"
            assert step_of(watch, another, variables, VICTIMS_RUN)["status"] == "done"
            assert watch.stop(signal.SIGTERM).code == 0
