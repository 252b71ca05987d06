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
def test_units(path: str, name: str) -> None:
    place = systemd.locate(path)
    assert place is not None
    assert (place.kind, place.name) == ("systemd", name)


@pytest.mark.parametrize(
    ("path", "lasts"),
    [
        ("/system.slice/a.service", True),
        ("/system.slice/a.service/job-7", False),
        ("/user.slice/session-3.scope", False),
        ("/system.slice", False),
    ],
)
def test_a_service_lasts_though_its_cgroup_does_not(path: str, lasts: bool) -> None:
    place = systemd.locate(path)
    assert place is not None
    assert place.lasts is lasts


@pytest.mark.parametrize("path", ["/", "/jobs/a", "/x.servicex", "/.service"])
def test_no_units(path: str) -> None:
    assert systemd.locate(path) is None
