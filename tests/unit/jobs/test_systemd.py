import pytest

from ebpftrace.jobs import systemd


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/system.slice/actions.runner.service", "actions.runner.service"),
        ("/user.slice/user-1000.slice/session-3.scope", "session-3.scope"),
        ("/user.slice/user-1.slice/user@1.service/app.slice/x.scope", "x.scope"),
        ("/system.slice/agent.service/job-7", "agent.service/job-7"),
        ("/user.slice/user-1000.slice", "user-1000.slice"),
    ],
)
def test_innermost_unit_names_the_job(path: str, name: str) -> None:
    location = systemd.locate(path)
    assert location is not None
    assert (location.kind, location.name) == ("systemd", name)


@pytest.mark.parametrize(
    ("path", "same_job"),
    [
        ("/system.slice/a.service", True),
        ("/system.slice/a.service/job-7", False),
        ("/user.slice/session-3.scope", False),
        ("/system.slice", False),
    ],
)
def test_restarted_service_is_the_same_job(path: str, same_job: bool) -> None:
    location = systemd.locate(path)
    assert location is not None
    assert location.same_job_after_restart is same_job


@pytest.mark.parametrize("path", ["/", "/jobs/a", "/x.servicex", "/.service"])
def test_path_without_a_unit_has_no_location(path: str) -> None:
    assert systemd.locate(path) is None
