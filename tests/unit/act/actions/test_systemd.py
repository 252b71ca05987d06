"""systemd: which service is restarted, and when none is."""

from dataclasses import replace

import pytest

from ebpftrace.act.actions import systemd
from ebpftrace.act.actions.systemd import SystemdOptions, service_of
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from tests.support.incidents import act


@pytest.mark.parametrize(
    ("cgroup", "service"),
    [
        ("/system.slice/runner.service", "runner.service"),
        ("/system.slice/a.service/b.service/job", "b.service"),
        ("/user.slice/session-1.scope", None),
        ("/", None),
    ],
)
def test_innermost_service_of_a_cgroup(cgroup: str, service: str | None) -> None:
    assert service_of(cgroup) == service


def test_unit_must_be_a_service() -> None:
    with pytest.raises(ValueError, match=r"does not end in \.service"):
        SystemdOptions(unit="runner.slice")


def test_process_of_no_service_is_skipped(
    sleeping_job: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "service_of", lambda _cgroup: None)
    ended = act("systemd", sleeping_job, SystemdOptions())
    assert ended.status is StepStatus.SKIPPED
    assert ended.detail == "there is no service on the path of its cgroup"


def test_own_service_is_never_restarted(
    sleeping_job: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "memory_cgroup", lambda _pid: "/system.slice/own.service")
    ended = act("systemd", sleeping_job, SystemdOptions(unit="own.service"))
    assert ended.status is StepStatus.SKIPPED
    assert ended.detail == "ebpftrace itself runs in own.service"


def test_service_that_a_user_names_below_a_delegated_cgroup_is_not_meant(
    sleeping_job: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = sleeping_job.target.cgroup
    target = replace(sleeping_job.target, cgroup=f"{given}/prod.service", given_path=given)
    asked: list[str] = []
    monkeypatch.setattr(systemd, "service_of", asked.append)
    systemd.start(replace(sleeping_job, target=target), SystemdOptions())
    assert asked == [given]
