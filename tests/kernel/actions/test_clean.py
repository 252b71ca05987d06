"""clean, where other processes of the job still run: only the ended process's own files."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.act.actions import clean
from ebpftrace.act.actions.support.running import Ended
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.cache_dirs import cache_dirs_of
from ebpftrace.jobs.identity import JobIdentity
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.disks import small_disk
from tests.support.incidents import about, act
from tests.support.workload import Workload

APART_SECONDS = 0.05  # start times and times of files tell no less than 10 ms apart


@pytest.fixture
def group() -> Iterator[MemoryCgroup]:
    with memory_cgroup() as made:
        yield made


@pytest.fixture
def tmp(tmp_path: Path) -> Path:
    """The job's TMPDIR, with a file from before."""
    folder = tmp_path / "jobs/42/tmp"
    folder.mkdir(parents=True)
    (folder / "before").write_text("of another")
    time.sleep(APART_SECONDS)
    return folder


def meant(process: Workload, group: MemoryCgroup) -> Incident:
    job = JobIdentity(str(group.id), "build", "cgroup", "path", group.name, group.id)
    return about(process.pid, job=job, cache_dirs=cache_dirs_of(process.pid))


def cleaned(incident: Incident, tmp: Path, *what: Any) -> Ended:
    return act("clean", incident, clean.CleanOptions((tmp.parents[1],), what or ("TMPDIR",)))


def names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


def test_files_that_a_successor_wrote_or_has_open_are_kept(
    group: MemoryCgroup, tmp: Path
) -> None:
    with Workload("gopls", cgroup=group, environment={"TMPDIR": str(tmp)}) as gopls:
        incident = meant(gopls, group)
        for name in ("go-build1", "go-build2"):
            (tmp / name).mkdir()
            (tmp / name / "pkg.a").write_bytes(b"x" * 10_000)
    time.sleep(APART_SECONDS)
    with (tmp / "go-build2/pkg.a").open() as file:
        heir = group.run(["sleep", "100"], stdin=file, env={"TMPDIR": str(tmp)})
    try:
        time.sleep(APART_SECONDS)
        (tmp / "after").write_text("of the successor")
        ended = cleaned(incident, tmp)
        assert ended.status is StepStatus.DONE
        assert ended.detail.startswith("TMPDIR: 1 files, ")
        assert f"sleep {heir.pid} of the job uses it too" in ended.detail
        assert names(tmp) == {"before", "after", "go-build2"}
        assert names(tmp / "go-build2") == {"pkg.a"}
    finally:
        heir.kill()
        heir.wait()
    assert cleaned(incident, tmp).status is StepStatus.DONE
    assert names(tmp) == set()  # no process is left that could use any of it


def test_another_file_system_below_the_folder_is_kept(group: MemoryCgroup, tmp: Path) -> None:
    with Workload("gopls", cgroup=group, environment={"TMPDIR": str(tmp)}) as gopls:
        incident = meant(gopls, group)
        with_own = tmp / "own"
        with_own.mkdir()
        (with_own / "file").write_text("left behind")
    with small_disk(with_own / "mounted", 1 << 20) as mounted:
        (mounted / "file").write_text("of another file system")
        assert cleaned(incident, tmp).status is StepStatus.DONE
        assert names(mounted) == {"file"}
        assert names(with_own) == {"mounted"}


def test_folder_that_an_older_process_uses_is_skipped(group: MemoryCgroup, tmp: Path) -> None:
    """A build beside gopls closes its files, and reads them again."""
    build = group.run(["sleep", "100"], env={"TMPDIR": str(tmp)})
    try:
        time.sleep(APART_SECONDS)
        with Workload("gopls", cgroup=group, environment={"TMPDIR": str(tmp)}) as gopls:
            incident = meant(gopls, group)
            (tmp / "whose").write_text("that is not known")
        ended = cleaned(incident, tmp)
    finally:
        build.kill()
        build.wait()
    detail = f"TMPDIR skipped: sleep {build.pid} uses it"
    assert (ended.status, ended.detail) == (StepStatus.SKIPPED, detail)
    assert names(tmp) == {"before", "whose"}


def test_cache_of_a_successor_is_kept_even_within_tmpdir(
    group: MemoryCgroup, tmp: Path
) -> None:
    cache = tmp / "cache"
    cache.mkdir()
    both = {"TMPDIR": str(tmp), "GOCACHE": str(cache)}
    with Workload("gopls", cgroup=group, environment=both) as gopls:
        incident = meant(gopls, group)
        (cache / "00-a").write_text("cached")
        (tmp / "own").write_text("left behind")
    time.sleep(APART_SECONDS)
    heir = group.run(["sleep", "100"], env=both)
    try:
        ended = cleaned(incident, tmp, "GOCACHE", "TMPDIR")
    finally:
        heir.kill()
        heir.wait()
    assert ended.status is StepStatus.DONE
    assert f"GOCACHE skipped: sleep {heir.pid} uses it" in ended.detail
    assert names(tmp) == {"before", "cache"}
    assert names(cache) == {"00-a"}
