"""Control files of the job's cgroup, and cgroups that are refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from ebpftrace.act.actions.support import control_files
from ebpftrace.act.actions.support.control_files import (
    job_cgroup,
    read_control,
    refuse_own_cgroup,
    undo_write,
    write_control,
)
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.process.identity import RefusedError


def test_control_file_is_written_read_and_undone(cgroup: Path) -> None:
    file = cgroup / "memory.high"
    undo = undo_write(file, read_control(file), "memory.high")
    (cgroup / "cgroup.procs").write_text("7\n12\n")
    write_control(file, "100", {12, 13})
    assert read_control(file) == "100"
    assert undo.run() == ""
    assert read_control(file).startswith("max")


def test_symlink_is_no_control_file(cgroup: Path) -> None:
    link = cgroup / "link"
    link.symlink_to(cgroup / "memory.high")
    (cgroup / "cgroup.procs").write_text("7\n")
    with pytest.raises(OSError, match="symbolic links"):
        read_control(link)
    with pytest.raises(OSError, match="symbolic links"):
        write_control(link, "100", {7})


def test_root_cgroup_and_one_that_is_gone_are_refused(
    sleeping_job: Incident, cgroup: Path
) -> None:
    assert job_cgroup(sleeping_job) == cgroup
    root = replace(sleeping_job, job=sleeping_job.job._replace(cgroup="/"))
    for without in (root, replace(sleeping_job, cgroup_folder=None)):
        with pytest.raises(RefusedError, match="no memory cgroup of its own"):
            job_cgroup(without)
    with pytest.raises(RefusedError, match="is gone"):
        job_cgroup(replace(sleeping_job, cgroup_folder=cgroup / "gone"))


@pytest.mark.parametrize("listed", ["", "7\n", "47119\n7\n", "471\n", "4711"])
def test_cgroup_without_the_judged_process_is_not_written(cgroup: Path, listed: str) -> None:
    (cgroup / "cgroup.procs").write_text(listed)
    with pytest.raises(RefusedError, match="no process that was judged"):
        write_control(cgroup / "memory.high", "100", {4711})
    assert read_control(cgroup / "memory.high") == "max"


def test_cgroup_that_has_another_s_name_now_is_refused(
    sleeping_job: Incident, cgroup: Path
) -> None:
    """Renamed, or removed and made again, after the job was judged."""
    assert job_cgroup(sleeping_job) == cgroup
    cgroup.rename(cgroup.with_name("before"))
    cgroup.mkdir()
    (cgroup / "cgroup.procs").write_text("1\n")
    with pytest.raises(RefusedError, match="in the cgroup cgroup now"):
        job_cgroup(sleeping_job)
    (cgroup / "cgroup.procs").unlink()
    cgroup.rmdir()
    cgroup.symlink_to(cgroup.with_name("before"))
    with pytest.raises(RefusedError, match="memory cgroup"):
        job_cgroup(sleeping_job)


@pytest.mark.parametrize(
    ("own", "refused"),
    [("/ci/fake", True), ("/ci/fake/below", True), ("/ci/fake2", False), ("/ci", False)],
)
def test_cgroup_that_ebpftrace_runs_in_is_refused(
    sleeping_job: Incident, monkeypatch: pytest.MonkeyPatch, own: str, refused: bool
) -> None:
    monkeypatch.setattr(control_files, "memory_cgroup", lambda _pid: own)
    if refused:
        with pytest.raises(RefusedError, match="ebpftrace itself"):
            refuse_own_cgroup(sleeping_job)
    else:
        refuse_own_cgroup(sleeping_job)
