"""freeze: done once the kernel reports it, and undone if it takes too long."""

from dataclasses import replace
from pathlib import Path

import pytest

from ebpftrace.act.actions import freeze
from ebpftrace.act.actions.support.action import NoOptions
from ebpftrace.act.actions.support.running import Ended
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.host.cgroups import memory_cgroup
from tests.support.incidents import act, drive
from tests.support.process_state import state


def test_freeze_ends_once_the_kernel_reports_it(sleeping_job: Incident, cgroup: Path) -> None:
    running = freeze.start(sleeping_job, NoOptions())
    assert (cgroup / "cgroup.freeze").read_text().strip() == "1"
    assert running.poll(1) is None
    (cgroup / "cgroup.events").write_text("populated 1\nfrozen 1\n")
    assert running.poll(2) == Ended(StepStatus.DONE, "cgroup frozen")
    running.stop()
    assert (cgroup / "cgroup.freeze").read_text().strip() == "1"


def test_freeze_that_is_stopped_before_its_end_is_undone(
    sleeping_job: Incident, cgroup: Path
) -> None:
    running = freeze.start(sleeping_job, NoOptions())
    assert running.poll(1) is None
    running.stop()
    assert (cgroup / "cgroup.freeze").read_text().strip() == "0"


def test_process_without_a_freezer_is_stopped_by_a_signal(
    sleeping_job: Incident, cgroup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cgroup / "cgroup.freeze").unlink()
    monkeypatch.setattr(freeze, "v1_cgroup", lambda _pid, _controller: "")
    pid = sleeping_job.target.key.pid
    running = freeze.start(sleeping_job, NoOptions())
    ended = drive(running)
    assert ended.detail == f"{pid} stopped by SIGSTOP"
    assert state(pid) == "T"
    running.stop()
    assert running.undo is not None
    assert running.undo.before_kill
    assert running.undo.run() == ""
    assert state(pid) != "T"


def test_own_cgroup_is_refused(sleeping_job: Incident, cgroup: Path) -> None:
    own = memory_cgroup(sleeping_job.target.key.pid) or "/"
    if own == "/":
        pytest.skip("these tests run in the root cgroup, which is no job's")
    ours = replace(sleeping_job, job=replace(sleeping_job.job, cgroup=own))
    ended = act("freeze", ours, NoOptions())
    assert ended.status is StepStatus.SKIPPED
    assert ended.detail == "ebpftrace itself runs in this cgroup"
    assert (cgroup / "cgroup.freeze").read_text() == "0\n"
