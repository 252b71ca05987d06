"""reclaim: which file is written, and with what."""

from pathlib import Path

from ebpftrace.act.actions.reclaim import ReclaimOptions
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.units import MIB
from tests.support.incidents import act


def test_page_cache_is_reclaimed_by_default(sleeping_job: Incident, cgroup: Path) -> None:
    assert act("reclaim", sleeping_job, ReclaimOptions()).status is StepStatus.DONE
    assert (cgroup / "memory.reclaim").read_text() == str(250 * MIB)


def test_size_of_the_policy_is_reclaimed(sleeping_job: Incident, cgroup: Path) -> None:
    act("reclaim", sleeping_job, ReclaimOptions(size_bytes=MIB))
    assert (cgroup / "memory.reclaim").read_text() == str(MIB)


def test_without_page_cache_nothing_is_written(sleeping_job: Incident, cgroup: Path) -> None:
    (cgroup / "memory.stat").write_text("anon 1\nfile 0\n")
    ended = act("reclaim", sleeping_job, ReclaimOptions())
    assert ended.detail == "there is no page cache to drop"
    assert (cgroup / "memory.reclaim").read_text() == ""


def test_cgroup_v1_is_emptied(sleeping_job: Incident, cgroup: Path) -> None:
    (cgroup / "memory.reclaim").unlink()
    (cgroup / "memory.force_empty").touch()
    (cgroup / "memory.usage_in_bytes").write_text(str(MIB))
    ended = act("reclaim", sleeping_job, ReclaimOptions())
    assert ended.detail == "0 B reclaimed by memory.force_empty"
    assert (cgroup / "memory.force_empty").read_text() == "0"


def test_old_kernel_has_neither_file(sleeping_job: Incident, cgroup: Path) -> None:
    (cgroup / "memory.reclaim").unlink()
    ended = act("reclaim", sleeping_job, ReclaimOptions())
    assert ended.status is StepStatus.FAILED
    assert "no memory.reclaim" in ended.detail
