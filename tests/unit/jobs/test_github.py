import pytest

from ebpftrace.jobs import github
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


def test_a_job_is_named() -> None:
    run = github.identify(environ(ENVIRON))
    assert run is not None
    assert (run.kind, run.name, run.variable) == (
        "github",
        "org/repo#42 test (node-3)",
        "GITHUB_RUN_ID",
    )


@pytest.mark.parametrize(
    "name", ["GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB", "RUNNER_TRACKING_ID"]
)
def test_what_makes_another_job(name: str) -> None:
    run = github.identify(environ(ENVIRON))
    other = github.identify(environ(ENVIRON, **{name: ENVIRON[name][:-1] + "9"}))
    assert run is not None
    assert other is not None
    assert run.run != other.run


@pytest.mark.parametrize("name", ["RUNNER_OS", "GITHUB_ACTION"])
def test_what_changes_within_a_job(name: str) -> None:
    run = github.identify(environ(ENVIRON))
    other = github.identify(environ(ENVIRON, **{name: "another"}))
    assert run is not None
    assert other is not None
    assert run.run == other.run


@pytest.mark.parametrize(
    "change", [{"GITHUB_ACTIONS": ""}, {"GITHUB_RUN_ID": ""}, {"GITHUB_RUN_ID": "$(id)"}]
)
def test_what_is_no_job(change: dict[str, str]) -> None:
    assert github.identify(environ(ENVIRON, **change)) is None


def test_a_second_attempt_shows_in_the_name() -> None:
    run = github.identify(environ(ENVIRON, GITHUB_RUN_ATTEMPT="2"))
    assert run is not None
    assert run.name == "org/repo#42.2 test (node-3)"


def test_legs_of_a_matrix_differ_by_runner_where_the_tracking_id_was_cleared() -> None:
    left = github.identify(environ(ENVIRON, RUNNER_TRACKING_ID="0"))
    right = github.identify(environ(ENVIRON, RUNNER_TRACKING_ID="", RUNNER_NAME="node-4"))
    assert left is not None
    assert right is not None
    assert left.run != right.run


def test_the_runner_itself_is_no_job() -> None:
    assert github.identify(environ({"RUNNER_NAME": "node-3", "RUNNER_OS": "Linux"})) is None
