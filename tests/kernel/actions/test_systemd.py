"""The `systemd` action on real services."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.act.actions import systemd
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.golang import buildinfo
from tests.support.incidents import about, act
from tests.support.systemd import require_systemd, service, started, unit_name
from tests.support.workload import Workload

WAITS = ("--do", "sleep 600000")


@pytest.fixture(scope="module", autouse=True)
def only_systemd() -> None:
    require_systemd()


@pytest.fixture(scope="module")
def program(only_systemd: None) -> Iterator[Path]:
    """The exact process, called `served`."""
    served = Workload("served")  # its program is there as long as this is
    yield served.program


def test_gopls_service_is_restarted() -> None:
    with started("gopls.service") as unit:
        before = unit.pid
        main_package = buildinfo.read_main_package(Path(f"/proc/{before}/exe"))
        assert main_package == "golang.org/x/tools/gopls"
        ended = act("systemd", about(before), systemd.SystemdOptions())
        assert unit.pid != before
        assert ended.status is StepStatus.DONE
        assert ended.detail == f"gopls.service is active, pid {unit.pid}"
        assert unit.show("ActiveState") == "active"
        assert not Path(f"/proc/{before}").exists()


def test_restarted_service_has_another_invocation(program: Path) -> None:
    with service([program, *WAITS], name=unit_name(middle="a\\x2db-")) as unit:
        before, invocation = unit.pid, unit.show("InvocationID")
        ended = act("systemd", about(before), systemd.SystemdOptions())
        assert ended.status is StepStatus.DONE
        assert ended.detail == f"{unit.name} is active, pid {unit.pid}"
        assert unit.pid != before
        assert unit.show("InvocationID") != invocation


def test_service_that_does_not_start_again_is_a_failure(program: Path, tmp_path: Path) -> None:
    """Its program starts once; Type=exec has systemd wait until it runs, or cannot."""
    there = tmp_path / "served"
    there.write_bytes(program.read_bytes())
    there.chmod(0o755)
    with service([there, *WAITS], "Type=exec") as unit:
        pid = unit.pid
        there.rename(tmp_path / "elsewhere")
        ended = act("systemd", about(pid), systemd.SystemdOptions())
        assert ended.status is StepStatus.FAILED
        assert (
            ended.detail
            == f"{unit.name} is failed"
            == f"{unit.name} is {unit.show('ActiveState')}"
        )


def test_unit_of_another_process_is_not_restarted(program: Path) -> None:
    with service([program, *WAITS]) as mine, service([program, *WAITS]) as other:
        before = other.pid
        ended = act("systemd", about(mine.pid), systemd.SystemdOptions(unit=other.name))
        assert ended.status is StepStatus.FAILED
        assert f"does not belong to {other.name}" in ended.detail
        assert other.pid == before


def test_unit_that_systemd_does_not_know_is_a_failure(program: Path) -> None:
    with service([program, *WAITS]) as unit:
        gone = unit_name()
        ended = act("systemd", about(unit.pid), systemd.SystemdOptions(unit=gone))
        assert ended.status is StepStatus.FAILED
        assert "systemd refuses GetUnit" in ended.detail
        assert gone in ended.detail


def test_own_service_is_never_restarted() -> None:
    """These tests are a service themselves, in the machine."""
    own = Path("/proc/self/cgroup").read_text(encoding="utf-8").strip().rpartition("/")[2]
    if not own.endswith(".service"):
        pytest.skip(f"these tests run in {own}, which is no service")
    with subprocess.Popen(["sleep", "600"]) as child:
        try:
            ended = act("systemd", about(child.pid), systemd.SystemdOptions())
        finally:
            child.kill()
    assert ended.status is StepStatus.SKIPPED
    assert ended.detail == f"ebpftrace itself runs in {own}"
