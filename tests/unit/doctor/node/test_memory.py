"""Memory cgroups, pressure and swap, of roots that are made up."""

from pathlib import Path

import pytest

from ebpftrace.doctor.check import CheckResult, CheckState
from ebpftrace.doctor.node.memory import check_memory
from ebpftrace.host.meminfo import read_swap

V2 = "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
V1 = "".join(
    f"3{number} 1 0:3{number} / /sys/fs/cgroup/{name} rw - cgroup cgroup rw,{name}\n"
    for number, name in enumerate(("memory", "cpu"))
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("proc/self", "proc/pressure", "sys/fs/cgroup/memory"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("SwapTotal: 2097152 kB\nSwapFree: 1048576 kB\n")
    (tmp_path / "proc/pressure/memory").write_text("some avg10=0.00\n")
    group = tmp_path / "sys/fs/cgroup"
    (group / "cgroup.controllers").write_text("cpu memory pids\n")
    (group / "cgroup.subtree_control").write_text("memory\n")
    (group / "memory.reclaim").touch()
    mounted(tmp_path, V2)
    return tmp_path


def mounted(root: Path, mountinfo: str) -> None:
    (root / "proc/self/mountinfo").write_text(mountinfo)


def by_name(root: Path) -> dict[str, CheckResult]:
    return {check.name: check for check in check_memory(root)}


def test_v2_with_everything_is_fine(root: Path) -> None:
    checks = by_name(root)
    assert {check.state for check in checks.values()} == {CheckState.OK}
    assert checks["cgroups"].seen == "memory cgroups v2; controllers: cpu memory pids"
    assert "stalls, throttle, freeze, reclaim" in checks["actions"].seen
    assert checks["swap"].seen == "2.0 GiB of swap, 1.0 GiB free"


def test_a_root_that_hands_no_memory_down_is_an_error(root: Path) -> None:
    (root / "sys/fs/cgroup/cgroup.subtree_control").write_text("cpu\n")
    check = by_name(root)["subtree_control"]
    assert check.state is CheckState.ERROR
    assert check.fix.startswith("echo +memory > ")


def test_v1_says_what_takes_the_place_of_what_is_missing(root: Path) -> None:
    mounted(root, V1)
    checks = by_name(root)
    missing = {name for name, check in checks.items() if check.state is CheckState.WARNING}
    assert missing == {"stalls", "throttle", "freeze", "reclaim"}
    assert all("unified_cgroup_hierarchy" in checks[name].fix for name in missing)
    assert "actions" not in checks
    (root / "sys/fs/cgroup/memory/memory.force_empty").touch()
    assert "reclaim" in by_name(root)["actions"].seen


def test_no_memory_cgroups_are_an_error(root: Path) -> None:
    mounted(root, "")
    assert by_name(root)["cgroups"].state is CheckState.ERROR


def test_no_pressure_and_no_swap(root: Path) -> None:
    (root / "proc/pressure/memory").unlink()
    (root / "proc/meminfo").write_text("SwapTotal: 0 kB\nSwapFree: 0 kB\n")
    checks = by_name(root)
    assert checks["pressure"].state is checks["stalls"].state is CheckState.WARNING
    assert checks["swap"].seen == "no swap"
    assert read_swap(root) == (0, 0)
