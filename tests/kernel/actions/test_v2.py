"""Actions on a real cgroup v2, checked by the kernel's own files."""

import time
from collections.abc import Iterator

import pytest

from ebpftrace.act.actions import ACTIONS, reclaim, throttle
from ebpftrace.act.actions.support.action import NoOptions
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.jobs.identity import JobIdentity
from tests.support.cgroups import MemoryCgroup, memory_cgroup, require_v2
from tests.support.incidents import about, act, drive
from tests.support.workload import Workload

MIB = 1 << 20
SECONDS = 60.0


@pytest.fixture(scope="module", autouse=True)
def only_v2() -> None:
    require_v2()


@pytest.fixture
def group(only_v2: None) -> Iterator[MemoryCgroup]:
    with memory_cgroup() as made:
        yield made


def incident_in(workload: Workload, group: MemoryCgroup) -> Incident:
    job = JobIdentity(str(group.id), "build", "cgroup", "path", group.name, group.id)
    return about(workload.pid, group.path, job=job)


def count(group: MemoryCgroup, file: str, name: str) -> int:
    lines = (group.path / file).read_text().splitlines()
    return int(dict(line.split() for line in lines)[name])


def test_throttled_job_is_slowed_until_the_undo(group: MemoryCgroup) -> None:
    with Workload("gopls", cgroup=group) as workload:
        workload.do("map 64MiB")
        running = ACTIONS["throttle"].start(
            incident_in(workload, group), throttle.ThrottleOptions()
        )
        ended = drive(running)
        undo = running.undo
        running.stop()
        high = int((group.path / "memory.high").read_text())
        assert ended.status is StepStatus.DONE
        assert undo is not None
        workload.send("touch 0")
        end = time.monotonic() + SECONDS
        while not count(group, "memory.events", "high"):
            assert time.monotonic() < end, "no task was throttled"
            time.sleep(0.05)
        assert group.charge_bytes() < high + 64 * MIB, "it did not get all that it asked for"
        assert undo.run() == ""
        assert (group.path / "memory.high").read_text().strip() == "max"
        workload.answer()
        assert group.charge_bytes() >= 64 * MIB


def test_whole_job_is_frozen_and_thawed(group: MemoryCgroup) -> None:
    with Workload("gopls", cgroup=group) as one, Workload("go", cgroup=group) as other:
        incident = incident_in(one, group)
        running = ACTIONS["freeze"].start(incident, NoOptions())
        assert drive(running).status is StepStatus.DONE
        running.stop()
        assert count(group, "cgroup.events", "frozen") == 1
        for workload in (one, other):
            workload.send("map 1MiB")
            with pytest.raises(TimeoutError):
                workload.answer(timeout=0.5)
        assert act("thaw", incident, NoOptions()).status is StepStatus.DONE
        assert count(group, "cgroup.events", "frozen") == 0
        assert one.answer()
        assert other.answer()


def test_child_cgroup_is_frozen_with_the_job(group: MemoryCgroup) -> None:
    """The job's own cgroup has none of the processes: a runner made one below."""
    with (
        memory_cgroup(parent=group) as below,
        Workload("gopls", cgroup=below) as workload,
    ):
        running = ACTIONS["freeze"].start(incident_in(workload, group), NoOptions())
        assert drive(running).status is StepStatus.DONE
        assert count(below, "cgroup.events", "frozen") == 1
        undo = running.undo
        running.stop()
        assert undo is not None
        assert undo.run() == ""
        assert workload.do("map 1MiB")


def test_reclaim_without_page_cache_says_so(group: MemoryCgroup) -> None:
    """Anon memory and no swap: memory.reclaim answers EAGAIN."""
    if not (group.path / "memory.reclaim").exists():
        pytest.skip("this kernel has no memory.reclaim (Linux 5.19)")
    with Workload("gopls", cgroup=group) as workload:
        workload.do("map 32MiB")
        workload.do("touch 0")
        incident = incident_in(workload, group)
        asked = act("reclaim", incident, reclaim.ReclaimOptions(size_bytes=16 * MIB))
        assert asked.status is StepStatus.DONE
        assert asked.detail.endswith("reclaimed by memory.reclaim")
        assert group.charge_bytes() >= 32 * MIB
