"""Cgroups on folders laid out like v1 and v2; the real ones are in tests/kernel."""

from pathlib import Path

import pytest

from ebpftrace.demo.cgroups import Cgroup
from ebpftrace.errors import EbpftraceError
from ebpftrace.host.mounts import MemoryHierarchy


def test_v1_limits_memory_and_swap_if_it_is_accounted(
    tmp_path: Path,
) -> None:
    cgroup = Cgroup(MemoryHierarchy("v1", tmp_path), "ebpftrace-demo-1-leak")
    cgroup.make(4096)
    assert (cgroup.path / "memory.limit_in_bytes").read_text() == "4096"
    assert not (cgroup.path / "memory.memsw.limit_in_bytes").exists()


@pytest.mark.parametrize("handed_down", ["", "cpu"])
def test_v2_enables_the_memory_controller_first(tmp_path: Path, handed_down: str) -> None:
    control = tmp_path / "cgroup.subtree_control"
    control.write_text(handed_down)
    cgroup = Cgroup(MemoryHierarchy("v2", tmp_path), "ebpftrace-demo-1-leak")
    cgroup.make(4096)
    assert control.read_text() == "+memory"
    assert (cgroup.path / "memory.max").read_text() == "4096"


def test_v2_leaves_an_enabled_controller_alone(tmp_path: Path) -> None:
    control = tmp_path / "cgroup.subtree_control"
    control.write_text("cpu memory")
    Cgroup(MemoryHierarchy("v2", tmp_path), "ebpftrace-demo-1-leak").make(4096)
    assert control.read_text() == "cpu memory"


def test_refused_cgroup_is_an_error_with_a_fix(tmp_path: Path) -> None:
    with pytest.raises(EbpftraceError, match="cannot make the memory cgroup") as caught:
        Cgroup(MemoryHierarchy("v1", tmp_path / "absent"), "ebpftrace-demo-1-leak").make(4096)
    assert caught.value.fix


def test_removing_a_removed_cgroup_succeeds(tmp_path: Path) -> None:
    assert Cgroup(MemoryHierarchy("v1", tmp_path), "ebpftrace-demo-1-leak").remove()
