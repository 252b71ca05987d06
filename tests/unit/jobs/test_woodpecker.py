import pytest

from ebpftrace.jobs import woodpecker
from tests.support.environs import environ

ENVIRON = {
    "CI": "woodpecker",
    "CI_REPO": "john/repo",
    "CI_PIPELINE_NUMBER": "8",
    "CI_WORKFLOW_NAME": "release",
    "CI_WORKFLOW_NUMBER": "1",
    "CI_STEP_NAME": "build",
}


def test_a_job_is_named() -> None:
    run = woodpecker.identify(environ(ENVIRON))
    assert run is not None
    assert (run.kind, run.name, run.variable) == (
        "woodpecker",
        "john/repo#8 release (build)",
        "CI_PIPELINE_NUMBER",
    )


@pytest.mark.parametrize("name", ["CI_PIPELINE_NUMBER", "CI_WORKFLOW_NUMBER"])
def test_what_makes_another_job(name: str) -> None:
    run = woodpecker.identify(environ(ENVIRON))
    other = woodpecker.identify(environ(ENVIRON, **{name: ENVIRON[name][:-1] + "9"}))
    assert run is not None
    assert other is not None
    assert run.run != other.run


@pytest.mark.parametrize("name", ["CI_STEP_NAME"])
def test_what_changes_within_a_job(name: str) -> None:
    run = woodpecker.identify(environ(ENVIRON))
    other = woodpecker.identify(environ(ENVIRON, **{name: "another"}))
    assert run is not None
    assert other is not None
    assert run.run == other.run


@pytest.mark.parametrize(
    "change", [{"CI": "true"}, {"CI_REPO": ""}, {"CI_PIPELINE_NUMBER": ""}]
)
def test_what_is_no_job(change: dict[str, str]) -> None:
    assert woodpecker.identify(environ(ENVIRON, **change)) is None
