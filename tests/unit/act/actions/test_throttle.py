"""throttle: memory.high is lowered, and restored."""

from dataclasses import replace
from pathlib import Path

import pytest

from ebpftrace.act.actions import throttle
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.host.cgroups import memory_cgroup
from ebpftrace.units import MIB, PAGE_SIZE
from tests.support.incidents import act, drive


def test_share_of_the_charge_is_set_and_undone(sleeping_job: Incident, cgroup: Path) -> None:
    running = throttle.start(sleeping_job, throttle.ThrottleOptions(share=0.5))
    ended = drive(running)
    running.stop()
    assert (ended.status, ended.detail) == (StepStatus.DONE, "memory.high is 200 MiB")
    assert (cgroup / "memory.high").read_text() == str(200 * MIB)
    assert running.undo is not None
    assert running.undo.run() == ""
    assert (cgroup / "memory.high").read_text().startswith("max")


def test_share_is_rounded_down_to_a_page(sleeping_job: Incident, cgroup: Path) -> None:
    (cgroup / "memory.current").write_text(str(9 * PAGE_SIZE))
    act("throttle", sleeping_job, throttle.ThrottleOptions(share=0.5))
    assert (cgroup / "memory.high").read_text() == str(4 * PAGE_SIZE)


def test_size_is_set_as_it_is(sleeping_job: Incident, cgroup: Path) -> None:
    act("throttle", sleeping_job, throttle.ThrottleOptions(high_bytes=64 * MIB))
    assert (cgroup / "memory.high").read_text() == str(64 * MIB)


def test_size_and_share_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="high and share"):
        throttle.ThrottleOptions(high_bytes=64 * MIB, share=0.5)


def test_cgroup_v1_has_no_memory_high(sleeping_job: Incident, cgroup: Path) -> None:
    (cgroup / "memory.high").unlink()
    ended = act("throttle", sleeping_job, throttle.ThrottleOptions())
    assert ended.status is StepStatus.FAILED
    assert ended.detail == "memory.high needs cgroup v2, and this is v1"


def test_own_cgroup_is_refused(sleeping_job: Incident, cgroup: Path) -> None:
    own = memory_cgroup(sleeping_job.target.key.pid) or "/"
    if own == "/":
        pytest.skip("these tests run in the root cgroup, which is no job's")
    ours = replace(sleeping_job, job=sleeping_job.job._replace(cgroup=own))
    ended = act("throttle", ours, throttle.ThrottleOptions())
    assert ended.status is StepStatus.SKIPPED
    assert ended.detail == "ebpftrace itself runs in this cgroup"
    assert (cgroup / "memory.high").read_text() == "max\n"
