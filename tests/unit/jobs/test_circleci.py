import pytest

from ebpftrace.jobs import circleci
from tests.support.environs import environ

ENVIRON = {
    "CIRCLECI": "true",
    "CIRCLE_BUILD_NUM": "31",
    "CIRCLE_JOB": "test",
    "CIRCLE_PROJECT_USERNAME": "acme",
    "CIRCLE_PROJECT_REPONAME": "app",
    "CIRCLE_WORKFLOW_JOB_ID": "5d9f-1",
    "CIRCLE_NODE_INDEX": "2",
    "CIRCLE_NODE_TOTAL": "4",
}


def test_a_job_is_named() -> None:
    run = circleci.identify(environ(ENVIRON))
    assert run is not None
    assert (run.kind, run.name, run.variable) == (
        "circleci",
        "acme/app#31 test (2)",
        "CIRCLE_BUILD_NUM",
    )


@pytest.mark.parametrize("name", ["CIRCLE_BUILD_NUM", "CIRCLE_NODE_INDEX"])
def test_what_makes_another_job(name: str) -> None:
    run = circleci.identify(environ(ENVIRON))
    other = circleci.identify(environ(ENVIRON, **{name: ENVIRON[name][:-1] + "9"}))
    assert run is not None
    assert other is not None
    assert run.run != other.run


@pytest.mark.parametrize("name", ["CIRCLE_BRANCH"])
def test_what_changes_within_a_job(name: str) -> None:
    run = circleci.identify(environ(ENVIRON))
    other = circleci.identify(environ(ENVIRON, **{name: "another"}))
    assert run is not None
    assert other is not None
    assert run.run == other.run


@pytest.mark.parametrize(
    "change", [{"CIRCLECI": ""}, {"CIRCLE_BUILD_NUM": "", "CIRCLE_WORKFLOW_JOB_ID": ""}]
)
def test_what_is_no_job(change: dict[str, str]) -> None:
    assert circleci.identify(environ(ENVIRON, **change)) is None
