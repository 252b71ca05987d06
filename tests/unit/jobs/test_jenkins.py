import pytest

from ebpftrace.jobs import jenkins
from tests.support.environs import environ

ENVIRON = {
    "BUILD_NUMBER": "153",
    "JOB_NAME": "folder/app",
    "BUILD_TAG": "jenkins-folder-app-153",
    "BUILD_ID": "dontKillMe",
    "JENKINS_URL": "http://ci.example/",
    "EXECUTOR_NUMBER": "0",
}


def test_a_job_is_named() -> None:
    run = jenkins.identify(environ(ENVIRON))
    assert run is not None
    assert (run.kind, run.name, run.variable) == ("jenkins", "folder/app#153", "BUILD_NUMBER")


@pytest.mark.parametrize("name", ["BUILD_NUMBER", "EXECUTOR_NUMBER"])
def test_what_makes_another_job(name: str) -> None:
    run = jenkins.identify(environ(ENVIRON))
    other = jenkins.identify(environ(ENVIRON, **{name: ENVIRON[name][:-1] + "9"}))
    assert run is not None
    assert other is not None
    assert run.run != other.run


@pytest.mark.parametrize("name", ["BUILD_ID", "STAGE_NAME"])
def test_what_changes_within_a_job(name: str) -> None:
    run = jenkins.identify(environ(ENVIRON))
    other = jenkins.identify(environ(ENVIRON, **{name: "another"}))
    assert run is not None
    assert other is not None
    assert run.run == other.run


@pytest.mark.parametrize("change", [{"BUILD_NUMBER": ""}, {"JOB_NAME": ""}])
def test_what_is_no_job(change: dict[str, str]) -> None:
    assert jenkins.identify(environ(ENVIRON, **change)) is None


def test_an_agent_is_no_build() -> None:
    agent = {"JENKINS_URL": "http://ci.example/", "JENKINS_AGENT_NAME": "a", "JOB_NAME": "x"}
    assert jenkins.identify(environ(agent)) is None


def test_a_build_number_alone_is_not_jenkins() -> None:
    assert jenkins.identify(environ(ENVIRON, BUILD_TAG="", JENKINS_URL=None)) is None


def test_a_controller_that_does_not_know_its_url() -> None:
    assert jenkins.identify(environ(ENVIRON, JENKINS_URL=None)) is not None
