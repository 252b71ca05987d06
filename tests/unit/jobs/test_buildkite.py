import pytest

from ebpftrace.jobs import buildkite
from tests.support.environs import environ

ENVIRON = {
    "BUILDKITE": "true",
    "BUILDKITE_JOB_ID": "0190046e-e199-453b-a302-a21a4d649d31",
    "BUILDKITE_BUILD_NUMBER": "88",
    "BUILDKITE_PIPELINE_SLUG": "app",
    "BUILDKITE_ORGANIZATION_SLUG": "acme",
    "BUILDKITE_LABEL": ":go: lint",
    "BUILDKITE_STEP_KEY": "lint",
}


def test_a_job_is_named() -> None:
    run = buildkite.identify(environ(ENVIRON))
    assert run is not None
    assert (run.kind, run.name, run.variable) == (
        "buildkite",
        "acme/app#88 lint",
        "BUILDKITE_JOB_ID",
    )


@pytest.mark.parametrize("name", ["BUILDKITE_JOB_ID"])
def test_what_makes_another_job(name: str) -> None:
    run = buildkite.identify(environ(ENVIRON))
    other = buildkite.identify(environ(ENVIRON, **{name: ENVIRON[name][:-1] + "9"}))
    assert run is not None
    assert other is not None
    assert run.run != other.run


@pytest.mark.parametrize("name", ["BUILDKITE_AGENT_NAME"])
def test_what_changes_within_a_job(name: str) -> None:
    run = buildkite.identify(environ(ENVIRON))
    other = buildkite.identify(environ(ENVIRON, **{name: "another"}))
    assert run is not None
    assert other is not None
    assert run.run == other.run


@pytest.mark.parametrize(
    "change", [{"BUILDKITE": ""}, {"BUILDKITE_JOB_ID": ""}, {"BUILDKITE_JOB_ID": "../x"}]
)
def test_what_is_no_job(change: dict[str, str]) -> None:
    assert buildkite.identify(environ(ENVIRON, **change)) is None


def test_the_agent_itself_is_no_job() -> None:
    assert buildkite.identify(environ({"BUILDKITE_AGENT_NAME": "a"})) is None
