import pytest

from ebpftrace.jobs import azure
from tests.support.environs import environ

ENVIRON = {
    "TF_BUILD": "True",
    "BUILD_BUILDID": "1001",
    "SYSTEM_JOBID": "9cd7d73b-785a-5059-5c5c-3f86b8afeb34",
    "SYSTEM_JOBATTEMPT": "1",
    "SYSTEM_STAGEATTEMPT": "1",
    "SYSTEM_TEAMPROJECT": "Team",
    "BUILD_DEFINITIONNAME": "app-ci",
    "SYSTEM_JOBDISPLAYNAME": "Test",
}


def test_a_job_is_named() -> None:
    run = azure.identify(environ(ENVIRON))
    assert run is not None
    assert (run.kind, run.name, run.variable) == (
        "azure",
        "Team/app-ci#1001 Test",
        "BUILD_BUILDID",
    )


@pytest.mark.parametrize("name", ["BUILD_BUILDID", "SYSTEM_JOBATTEMPT", "SYSTEM_STAGEATTEMPT"])
def test_what_makes_another_job(name: str) -> None:
    run = azure.identify(environ(ENVIRON))
    other = azure.identify(environ(ENVIRON, **{name: ENVIRON[name][:-1] + "9"}))
    assert run is not None
    assert other is not None
    assert run.run != other.run


@pytest.mark.parametrize("name", ["AGENT_NAME"])
def test_what_changes_within_a_job(name: str) -> None:
    run = azure.identify(environ(ENVIRON))
    other = azure.identify(environ(ENVIRON, **{name: "another"}))
    assert run is not None
    assert other is not None
    assert run.run == other.run


@pytest.mark.parametrize("change", [{"TF_BUILD": ""}, {"BUILD_BUILDID": ""}])
def test_what_is_no_job(change: dict[str, str]) -> None:
    assert azure.identify(environ(ENVIRON, **change)) is None
