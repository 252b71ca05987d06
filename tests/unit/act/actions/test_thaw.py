"""thaw: what an earlier step froze is resumed."""

import os
import signal
from pathlib import Path

import pytest

from ebpftrace.act.actions import freeze
from ebpftrace.act.actions.support.action import NoOptions
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from tests.support.incidents import act
from tests.support.process_state import state, stops


def test_frozen_cgroup_is_thawed(sleeping_job: Incident, cgroup: Path) -> None:
    (cgroup / "cgroup.freeze").write_text("1\n")
    ended = act("thaw", sleeping_job, NoOptions())
    assert (ended.status, ended.detail) == (StepStatus.DONE, "cgroup thawed")
    assert (cgroup / "cgroup.freeze").read_text().strip() == "0"


def test_stopped_process_is_resumed(
    sleeping_job: Incident, cgroup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cgroup / "cgroup.freeze").unlink()
    monkeypatch.setattr(freeze, "v1_cgroup", lambda _pid, _controller: "")
    pid = sleeping_job.target.key.pid
    os.kill(pid, signal.SIGSTOP)
    assert stops(pid)
    ended = act("thaw", sleeping_job, NoOptions())
    assert (ended.status, ended.detail) == (StepStatus.DONE, f"sleep {pid} resumed")
    assert state(pid) != "T"


def test_job_without_a_cgroup_is_skipped(sleeping_job: Incident, cgroup: Path) -> None:
    for file in cgroup.iterdir():
        file.unlink()
    cgroup.rmdir()
    ended = act("thaw", sleeping_job, NoOptions())
    assert ended.status is StepStatus.SKIPPED
    assert ended.detail == "the job's memory cgroup is gone"
