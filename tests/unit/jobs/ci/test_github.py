from ebpftrace.jobs.ci.github import GitHubActions
from ebpftrace.jobs.ci.run import CiProcess, CiRun
from tests.support.environs import environ

ENVIRON = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_RUN_ID": "9876543210",
    "GITHUB_RUN_NUMBER": "42",
    "GITHUB_RUN_ATTEMPT": "1",
    "GITHUB_JOB": "test",
    "GITHUB_REPOSITORY": "org/repo",
    "RUNNER_NAME": "node-3",
    "RUNNER_TRACKING_ID": "github_1f3d9475-6c94-40ee-a160-8b3fd282c3a1",
}


def identify(**changes: str) -> CiRun:
    run = GitHubActions().identify(CiProcess("make", environ(ENVIRON, **changes)))
    assert run is not None
    return run


def test_name_shows_a_second_attempt() -> None:
    assert identify(GITHUB_RUN_ATTEMPT="2").name == "org/repo#42.2 test (node-3)"


def test_matrix_legs_differ_by_runner_when_a_step_cleared_the_tracking_id() -> None:
    left = identify(RUNNER_TRACKING_ID="0")
    right = identify(RUNNER_TRACKING_ID="", RUNNER_NAME="node-4")
    assert left.run != right.run
