"""freeze: done once the kernel reports it, and undone if it takes too long."""

from collections.abc import Iterable
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
    ours = replace(sleeping_job, job=sleeping_job.job._replace(cgroup=own))
    ended = act("freeze", ours, NoOptions())
    assert ended.status is StepStatus.SKIPPED
    assert ended.detail == "ebpftrace itself runs in this cgroup"
    assert (cgroup / "cgroup.freeze").read_text() == "0\n"


class Freezers:
    """A freezer cgroup with folders below it, and the memory cgroups of its processes."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder / "freezer"
        self.elsewhere: set[int] = set()
        self.read: list[int] = []
        self.now_ns = self.step_ns = 0
        self.add("", [])
        monkeypatch.setattr(freeze, "memory_cgroup", self._memory_cgroup)

    def add(self, name: str, pids: Iterable[int]) -> None:
        (self.folder / name).mkdir()
        (self.folder / name / "cgroup.procs").write_text("".join(f"{it}\n" for it in pids))

    def clock(self) -> int:
        self.now_ns += self.step_ns
        return self.now_ns

    def is_of(self, incident: Incident) -> bool:
        return freeze._is_of_one_job(self.folder, incident, self.clock)

    def _memory_cgroup(self, pid: int) -> str:
        self.read.append(pid)
        return "/ci/other" if pid in self.elsewhere else "/ci/fake/step"


@pytest.fixture
def freezers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Freezers:
    return Freezers(tmp_path, monkeypatch)


def test_freezer_cgroup_with_processes_of_the_job_only_is_the_jobs(
    freezers: Freezers, sleeping_job: Incident
) -> None:
    freezers.add("a", [101, 102])
    freezers.add("a/b", [103])
    assert freezers.is_of(sleeping_job)
    assert set(freezers.read) == {101, 102, 103}
    freezers.elsewhere = {103}
    assert not freezers.is_of(sleeping_job)


@pytest.mark.parametrize(("folders", "is_of_one"), [(63, True), (64, False), (200, False)])
def test_freezer_cgroup_with_many_folders_counts_as_shared(
    freezers: Freezers, sleeping_job: Incident, folders: int, is_of_one: bool
) -> None:
    for number in range(folders):
        freezers.add(f"{number}", [])
    assert freezers.is_of(sleeping_job) == is_of_one


def test_deep_freezer_cgroup_counts_as_shared(
    freezers: Freezers, sleeping_job: Incident
) -> None:
    for depth in range(1, 65):
        freezers.add("/".join(["a"] * depth), [])
    assert not freezers.is_of(sleeping_job)


def test_freezer_cgroup_with_many_processes_in_all_counts_as_shared(
    freezers: Freezers, sleeping_job: Incident
) -> None:
    for number in range(4):
        freezers.add(f"{number}", range(1000 * number + 1, 1000 * number + 1001))
    assert freezers.is_of(sleeping_job)
    freezers.add("more", range(5001, 5101))
    freezers.read.clear()
    assert not freezers.is_of(sleeping_job)
    assert len(freezers.read) <= 4096


def test_freezer_cgroup_that_takes_long_to_read_counts_as_shared(
    freezers: Freezers, sleeping_job: Incident
) -> None:
    freezers.add("a", range(101, 201))
    freezers.step_ns = 1_000_000
    assert not freezers.is_of(sleeping_job)
    assert 10 <= len(freezers.read) <= 20
    freezers.step_ns = 100_000
    assert freezers.is_of(sleeping_job)
