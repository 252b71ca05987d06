"""A leaking service, its growth over the bound, and systemd restarts it, as a user has it."""

from pathlib import Path

import pytest

from ebpftrace.golang import buildinfo
from tests.support.acting import SECONDS, is_type, logged, of_type, policy, watching
from tests.support.names import unique_comm
from tests.support.records import holds, job_of
from tests.support.systemd import require_systemd, service, started
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

MIB = 1 << 20
LEAKS = "sleep 8000; grow 24MiB 800MiB; sleep 600000"


def test_a_leaking_service_is_restarted_and_its_successor_is_steady(tmp_path: Path) -> None:
    require_systemd()
    comm = unique_comm()
    leaky = Workload(comm)
    file = policy(tmp_path, then='{ action = "systemd" }', comm=comm)
    with (
        watching(tmp_path, "--config", str(file), comm=comm) as watch,
        service([leaky.program, "--do", LEAKS], "MemoryMax=512M") as unit,
    ):
        first = unit.pid
        outcome = watch.wait_for(is_type("outcome"), 2 * SECONDS)
        second = unit.pid
        assert second != first
        assert outcome["pid"] == first
        assert outcome["helped"], outcome
        assert outcome["freed_bytes"] > 32 * MIB
        assert f"its successor {second} is steady" in outcome["sentence"]
        job = job_of(watch.wait_for(holds(second)), second)
        assert (job["kind"], job["name"]) == ("systemd", unit.name)
        assert job["oom_kills"] == 0
        assert unit.show("ActiveState") == "active"
        assert unit.show("NRestarts") == "0", "asked for, not crashed"
    steps = {one["action"]: one for one in of_type(watch, "step")}
    assert steps["capture"]["status"] == steps["systemd"]["status"] == "done"
    assert steps["systemd"]["detail"] == f"{unit.name} is active, pid {second}"
    finding = next(one for one in of_type(watch, "finding") if one["detector"] == "growth")
    assert finding["job"]["name"] == unit.name
    assert Path(outcome["evidence"], "manifest.json").exists()
    assert logged(tmp_path, "outcome")[0]["helped"]


def test_restarts_of_one_service_are_counted_together(tmp_path: Path) -> None:
    """Its cgroup is another at each start; the budget is the service's."""
    require_systemd()
    comm = unique_comm()
    leaky = Workload(comm)
    lines = ('cooldown = "0s"', "budget = { restarts = 1 }")
    file = policy(tmp_path, *lines, then='{ action = "systemd" }', comm=comm)
    with (
        watching(tmp_path, "--config", str(file), comm=comm) as watch,
        service([leaky.program, "--do", LEAKS]) as unit,
    ):
        assert watch.wait_for(is_type("outcome"), 2 * SECONDS)["helped"]
        second = unit.pid
        refused = watch.wait_for(
            lambda one: one["type"] == "outcome" and one["pid"] == second, 2 * SECONDS
        )
        assert unit.pid == second
        ended = watch.stop()
    assert not refused["helped"]
    assert "budget spent: 1 restart" in refused["sentence"]
    (job,) = ended.records[-1]["jobs"]
    assert (job["name"], job["processes_seen"]) == (unit.name, 2)


@pytest.mark.timeout(420)
def test_a_real_gopls_service_that_leaks_is_restarted(tmp_path: Path) -> None:
    """A client has it keep every version of a generated file (vagrant/units)."""
    require_systemd()
    file = policy(
        tmp_path,
        'match.cgroup = "/gopls.slice/*"',  # its clients are called gopls too
        then='{ action = "systemd" }',
        comm="gopls",
        when='{ detector = "growth", bound = "160MiB", window = "5m" }',
    )
    with (
        watching(tmp_path, "--config", str(file), comm="gopls") as watch,
        started("gopls.service") as unit,
    ):
        first = unit.pid
        with started("gopls-client@leak.service"):
            outcome = watch.wait_for(is_type("outcome"), 5 * SECONDS)
            second = unit.pid
            main_package = buildinfo.read_main_package(Path(f"/proc/{second}/exe"))
            assert unit.show("ActiveState") == "active"
    assert second != first == outcome["pid"]
    assert outcome["helped"], outcome
    assert outcome["freed_bytes"] > 80 * MIB
    assert f"its successor {second} is steady" in outcome["sentence"]
    assert main_package == "golang.org/x/tools/gopls"
    steps = {one["action"]: one for one in of_type(watch, "step")}
    assert steps["systemd"]["detail"] == f"gopls.service is active, pid {second}"
    assert outcome["job"]["name"] == "gopls.service"
