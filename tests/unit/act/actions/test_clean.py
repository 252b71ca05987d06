"""clean: only what is the job's own, and never through a symlink."""

import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from ebpftrace.act.actions import clean
from ebpftrace.act.actions.support.emptying import open_owned, remove_contents
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.cache_dirs import CacheDir, CacheDirs
from ebpftrace.host.proc import read_comm
from ebpftrace.host.using import file_id
from tests.support.incidents import about, act, incident

US = os.getuid()


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job's folder with a cache in it, and something outside that is not the job's."""
    cache = tmp_path / "jobs/42/tmp/go-build1/b001"
    cache.mkdir(parents=True)
    (cache / "pkg.a").write_bytes(b"x" * 10_000)
    (tmp_path / "jobs/42/tmp/gopls-1.sock").write_bytes(b"")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/data").write_text("keep")
    return tmp_path / "jobs/42"


def cleaned(job: Path, folder: Path, under: Path | None = None) -> tuple[StepStatus, str]:
    place = CacheDir("TMPDIR", str(folder), file_id(folder) or (0, 0))
    about = replace(incident(), cache_dirs=CacheDirs((place,), US))
    ended = act("clean", about, clean.CleanOptions((under or job.parent,)))
    return ended.status, ended.detail


def precious(job: Path) -> bool:
    return (job.parents[1] / "precious/data").read_text() == "keep"


def test_folder_is_emptied_and_kept(job: Path) -> None:
    status, detail = cleaned(job, job / "tmp")
    assert status is StepStatus.DONE
    assert detail.startswith("TMPDIR: 2 files, ")
    assert list((job / "tmp").iterdir()) == []


def test_symlink_in_the_folder_is_removed_and_not_followed(job: Path) -> None:
    (job / "tmp/out").symlink_to(job.parents[1] / "precious")
    assert cleaned(job, job / "tmp")[0] is StepStatus.DONE
    assert not (job / "tmp/out").is_symlink()
    assert precious(job)


@pytest.mark.parametrize("where", ["tmp", "."])
def test_symlink_on_the_path_is_refused(job: Path, where: str) -> None:
    link = job.parent / "43"
    if where == ".":
        link.symlink_to(job.parents[1] / "precious")
        folder = link
    else:
        link.mkdir()
        (link / "tmp").symlink_to(job.parents[1] / "precious")
        folder = link / "tmp"
    status, detail = cleaned(job, folder)
    assert status is StepStatus.FAILED
    assert "TMPDIR: " in detail
    assert precious(job)


def test_folder_outside_of_the_policy_is_refused(job: Path) -> None:
    for folder in (job.parents[1] / "precious", job / "../../precious", job.parent):
        status, detail = cleaned(job, folder)
        assert status is StepStatus.FAILED
        assert "outside the folders of the policy" in detail
    assert precious(job)


def test_files_of_another_user_stay_and_its_folder_is_refused(job: Path) -> None:
    if US:
        pytest.skip("only root can give a file away")
    os.chown(job / "tmp/gopls-1.sock", 12345, 12345)
    assert cleaned(job, job / "tmp")[0] is StepStatus.DONE
    assert [entry.name for entry in (job / "tmp").iterdir()] == ["gopls-1.sock"]
    os.chown(job / "tmp", 12345, 12345)
    status, detail = cleaned(job, job / "tmp")
    assert status is StepStatus.FAILED
    assert "belongs to another user" in detail


def test_folder_replaced_by_a_symlink_meanwhile_is_not_followed(job: Path) -> None:
    """The folder is open already: what takes its name later is not gone into."""
    fd = open_owned(job / "tmp", (job.parent,), US)
    try:
        (job / "tmp").rename(job / "moved")
        (job / "tmp").symlink_to(job.parents[1] / "precious")
        list(remove_contents(fd, US, os.fstat(fd).st_dev, Event()))
    finally:
        os.close(fd)
    assert precious(job)
    assert list((job / "moved").iterdir()) == []


@pytest.mark.parametrize("how", ["variable", "folder", "file"])
def test_folder_that_another_job_uses_is_skipped(job: Path, how: str) -> None:
    """By a variable, by where it is, by a file that it has open below."""
    below = job / "tmp/go-build1"
    options: dict[str, Any] = {}
    with (below / "b001/pkg.a").open() as file:
        if how == "variable":
            options["env"] = {"GOCACHE": str(below)}
        elif how == "folder":
            options["cwd"] = below
        else:
            options["stdin"] = file
        other = subprocess.Popen(["/bin/sleep", "100"], **options)
    with other:
        try:
            while read_comm(other.pid) != "sleep":
                time.sleep(0.001)  # exec sets the name last
            skipped = f"TMPDIR skipped: sleep {other.pid} of another job uses it"
            assert cleaned(job, job / "tmp") == (StepStatus.SKIPPED, skipped)
        finally:
            other.kill()
    assert (below / "b001/pkg.a").exists()
    assert cleaned(job, job / "tmp")[0] is StepStatus.DONE


def test_shared_folder_is_skipped(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(job / "tmp"))
    assert cleaned(job, job / "tmp") == (
        StepStatus.SKIPPED, "TMPDIR skipped: it is a shared folder of the system",
    )  # fmt: skip
    for shared in (Path("/"), Path("/tmp"), Path("/var/tmp")):
        assert cleaned(job, shared, Path("/"))[0] is StepStatus.SKIPPED
    mounted = Path("/proc")
    assert cleaned(job, mounted, Path("/"))[1].endswith("it is a mount point")
    assert precious(job)
    assert (job / "tmp/gopls-1.sock").exists()


def test_another_folder_of_the_same_path_is_refused(job: Path) -> None:
    """As the same path in a container is another folder than here."""
    place = CacheDir("TMPDIR", str(job / "tmp"), file_id(job.parents[1] / "precious") or (0, 0))
    ended = act("clean", replace(incident(), cache_dirs=CacheDirs((place,), US)),
                clean.CleanOptions((job.parent,)))  # fmt: skip
    assert ended.status is StepStatus.FAILED
    assert "it is not the folder that the process had" in ended.detail
    assert (job / "tmp/gopls-1.sock").exists()


def test_clean_is_skipped_while_the_process_is_running(job: Path) -> None:
    place = CacheDir("TMPDIR", str(job / "tmp"), file_id(job / "tmp") or (0, 0))
    with subprocess.Popen(["/bin/sleep", "100"]) as process:
        meant = replace(about(process.pid), cache_dirs=CacheDirs((place,), US))
        ended = act("clean", meant, clean.CleanOptions((job.parent,)))
        assert (ended.status, ended.detail) == (
            StepStatus.SKIPPED, f"{meant.comm} {process.pid} is still running",
        )  # fmt: skip
        process.kill()
    assert act("clean", meant, clean.CleanOptions((job.parent,))).status is StepStatus.DONE


def test_cancelled_clean_removes_nothing(job: Path) -> None:
    cancelled = Event()
    cancelled.set()
    fd = open_owned(job / "tmp", (job.parent,), US)
    try:
        assert list(remove_contents(fd, US, os.fstat(fd).st_dev, cancelled)) == []
    finally:
        os.close(fd)
    assert (job / "tmp/gopls-1.sock").exists()


def test_clean_is_skipped_without_a_variable() -> None:
    ended = act("clean", incident(), clean.CleanOptions((Path("/builds"),)))
    assert (ended.status, ended.detail) == (StepStatus.SKIPPED, "none of TMPDIR was known")
