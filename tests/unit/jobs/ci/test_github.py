from ebpftrace.jobs.ci.github import GitHubActions
from ebpftrace.jobs.ci.run import CiProcess, CiRun
from ebpftrace.jobs.identity import RunOrigin
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


def identify(**changes: str | None) -> CiRun:
    run = GitHubActions().identify(CiProcess("make", environ(ENVIRON, **changes)))
    assert run is not None
    return run


def test_name_shows_a_second_attempt() -> None:
    assert identify(GITHUB_RUN_ATTEMPT="2").name == "org/repo#42.2 test (node-3)"


def test_matrix_legs_differ_by_runner_when_a_step_cleared_the_tracking_id() -> None:
    left = identify(RUNNER_TRACKING_ID="0")
    right = identify(RUNNER_TRACKING_ID="", RUNNER_NAME="node-4")
    assert left.run != right.run


def act(**changes: str | None) -> CiRun:
    """A job of nektos/act, which gives every run the same id and no runner a name."""
    given = {
        "GITHUB_RUN_ID": "1",
        "GITHUB_RUN_NUMBER": "1",
        "RUNNER_NAME": None,
        "RUNNER_TRACKING_ID": None,
        "GITHUB_WORKFLOW": "ci",
        "GITHUB_WORKSPACE": "/home/ci/repo",
        "RUNNER_TEMP": "/home/ci/.cache/act/1f3d/tmp",
    }
    return identify(**{**given, **changes})


def test_runs_of_act_differ_by_server_repository_and_workflow() -> None:
    runs = [
        act(),
        act(GITHUB_REPOSITORY="org/other"),
        act(GITHUB_SERVER_URL="https://ghe.example.org"),
        act(GITHUB_WORKFLOW="nightly"),
        act(GITHUB_RUN_NUMBER="2"),
    ]
    assert len({run.run for run in runs}) == len(runs)
    assert act() == act(GITHUB_ACTION="__run_2"), "steps are of one run"


def test_legs_of_act_differ_by_temporary_folder_or_workspace() -> None:
    legs = [
        act(),
        act(RUNNER_TEMP="/home/ci/.cache/act/8e01/tmp"),
        act(GITHUB_WORKSPACE="/home/ci/repo-2"),
        act(RUNNER_TEMP=None, GITHUB_WORKSPACE="/home/ci/repo-3"),
    ]
    assert len({leg.run for leg in legs}) == len(legs)


def test_tracking_id_is_enough_where_a_step_has_another_temporary_folder() -> None:
    assert identify(RUNNER_TEMP="/a").run == identify(RUNNER_TEMP="/b").run


def test_the_origin_is_the_run_s_page_and_what_it_is_of() -> None:
    run = identify(GITHUB_SERVER_URL="https://github.com", GITHUB_WORKFLOW="build")
    assert run.origin == RunOrigin(
        "org/repo", "build", "test", "https://github.com/org/repo/actions/runs/9876543210"
    )
    assert identify().origin.url == ""
