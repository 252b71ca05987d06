import pytest

from ebpftrace.jobs import gitlab
from tests.support.environs import environ

ENVIRON = {
    "GITLAB_CI": "true",
    "CI_JOB_ID": "1212",
    "CI_PIPELINE_IID": "7",
    "CI_PIPELINE_ID": "555",
    "CI_JOB_NAME": "unit",
    "CI_PROJECT_PATH": "group/project",
}


def test_a_job_is_named() -> None:
    run = gitlab.identify(environ(ENVIRON))
    assert run is not None
    assert (run.kind, run.name, run.variable) == ("gitlab", "group/project#7 unit", "CI_JOB_ID")


@pytest.mark.parametrize("name", ["CI_JOB_ID"])
def test_what_makes_another_job(name: str) -> None:
    run = gitlab.identify(environ(ENVIRON))
    other = gitlab.identify(environ(ENVIRON, **{name: ENVIRON[name][:-1] + "9"}))
    assert run is not None
    assert other is not None
    assert run.run != other.run


@pytest.mark.parametrize("name", ["CI_JOB_STAGE"])
def test_what_changes_within_a_job(name: str) -> None:
    run = gitlab.identify(environ(ENVIRON))
    other = gitlab.identify(environ(ENVIRON, **{name: "another"}))
    assert run is not None
    assert other is not None
    assert run.run == other.run


@pytest.mark.parametrize("change", [{"GITLAB_CI": ""}, {"CI_JOB_ID": ""}, {"CI_JOB_ID": "-1"}])
def test_what_is_no_job(change: dict[str, str]) -> None:
    assert gitlab.identify(environ(ENVIRON, **change)) is None


def test_the_runner_itself_is_no_job() -> None:
    assert gitlab.identify(environ({"CI_SERVER_URL": "https://gitlab.example"})) is None
