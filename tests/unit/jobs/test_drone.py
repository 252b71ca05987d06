import pytest

from ebpftrace.jobs import drone
from tests.support.environs import environ

ENVIRON = {
    "DRONE": "true",
    "DRONE_REPO": "octo/hello",
    "DRONE_BUILD_NUMBER": "42",
    "DRONE_STAGE_NAME": "amd64",
    "DRONE_STAGE_NUMBER": "1",
    "DRONE_STEP_NAME": "build",
    "CI": "true",
}


def test_a_job_is_named() -> None:
    run = drone.identify(environ(ENVIRON))
    assert run is not None
    assert (run.kind, run.name, run.variable) == (
        "drone",
        "octo/hello#42 amd64 (build)",
        "DRONE_BUILD_NUMBER",
    )


@pytest.mark.parametrize("name", ["DRONE_BUILD_NUMBER", "DRONE_STAGE_NUMBER"])
def test_what_makes_another_job(name: str) -> None:
    run = drone.identify(environ(ENVIRON))
    other = drone.identify(environ(ENVIRON, **{name: ENVIRON[name][:-1] + "9"}))
    assert run is not None
    assert other is not None
    assert run.run != other.run


@pytest.mark.parametrize("name", ["DRONE_STEP_NAME"])
def test_what_changes_within_a_job(name: str) -> None:
    run = drone.identify(environ(ENVIRON))
    other = drone.identify(environ(ENVIRON, **{name: "another"}))
    assert run is not None
    assert other is not None
    assert run.run == other.run


@pytest.mark.parametrize(
    "change", [{"DRONE": ""}, {"DRONE_REPO": ""}, {"DRONE_BUILD_NUMBER": "x"}]
)
def test_what_is_no_job(change: dict[str, str]) -> None:
    assert drone.identify(environ(ENVIRON, **change)) is None
