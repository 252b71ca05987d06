import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.host import cgroups
from ebpftrace.host.cgroups import CgroupPaths, memory_cgroup
from ebpftrace.host.mounts import MemoryHierarchy
from tests.support.fakeroot import FakeRoot

OTHER = 65533


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("9:name=systemd:/s\n4:memory:/jobs/a\n0::/u", "/jobs/a"),
        ("4:cpu,memory:/both\n0::/u", "/both"),
        ("0::/system.slice/x.service", "/system.slice/x.service"),
        ("0::/../other", "/../other"),
        ("0::/with:colon/b", "/with:colon/b"),
        ("0::/mine (deleted)", "/mine (deleted)"),
        ("4:memory:/mine (deleted)\n0::/u", "/mine (deleted)"),
        ("3:memory_not:/no\n0::/v2", "/v2"),
        *(
            (f"4:memory:/mine{end}4:memory:/yours", f"/mine{end}4:memory:/yours")
            for end in "\r\x0b\x0c\x1c\x1d\x1e\x85"
        ),
    ],
)
def test_memory_cgroup_of_a_process(tmp_path: Path, text: str, path: str) -> None:
    FakeRoot(tmp_path).process(7, cgroup=text)
    assert memory_cgroup(7, tmp_path) == path


@pytest.mark.parametrize(
    ("text", "path"),
    [("0::/gone (deleted)", "/gone"), ("4:memory:/mine (deleted)", "/mine (deleted)")],
)
def test_zombie_is_in_a_cgroup_that_v2_marks_when_it_is_removed(
    tmp_path: Path, text: str, path: str
) -> None:
    FakeRoot(tmp_path).process(7, cgroup=text, state="Z")
    assert memory_cgroup(7, tmp_path) == path


def delegate(folder: Path, how: str) -> int:
    """Give the cgroup to a user, as systemd, cgcreate and a careless script do; its owner."""
    if how == "chown":
        os.chown(folder, OTHER, OTHER)
        return OTHER
    folder.chmod({"group": 0o775, "everyone": 0o777}[how])
    return folder.stat().st_uid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("how", ["chown", "group", "everyone"])
def test_names_below_a_delegated_cgroup_are_its_owner_s(tmp_path: Path, how: str) -> None:
    tmp_path.chmod(0o755)
    job = tmp_path / "ci/job"
    (job / "a/b").mkdir(parents=True, mode=0o755)
    for folder in (job / "a/b", job / "a", job, job.parent):
        folder.chmod(0o755)
    paths = CgroupPaths(MemoryHierarchy("v2", tmp_path))
    assert paths.given_part("/ci/job/a/b") == ("/ci/job/a/b", 0)
    owner = delegate(job, how)
    os.chown(job / "a", OTHER + 1, OTHER + 1)  # delegated again
    assert paths.given_part("/ci/job/a/b") == ("/ci/job", owner)
    assert paths.given_part("/ci/job/gone") == ("/ci/job", owner)
    assert paths.given_part("/ci/job") == ("/ci/job", owner)
    assert paths.given_part("/ci") == ("/ci", 0)
    assert paths.given_part("/") == ("/", 0)
    assert paths.given_part("/../ci/job/a") == ("/../ci/job/a", 0)
    contained = CgroupPaths(MemoryHierarchy("v2", tmp_path, "/docker/x"))
    assert contained.given_part("/docker/x/ci/job/a") == ("/docker/x/ci/job", owner)
    assert contained.given_part("/docker/x") == ("/docker/x", 0)
    assert contained.given_part("/ci/job/a") == ("/ci/job/a", 0)


def test_ended_process_has_no_cgroup(tmp_path: Path) -> None:
    assert memory_cgroup(7, tmp_path) is None


def test_unknown_id_is_found_by_a_walk_without_handles(tmp_path: Path) -> None:
    job = tmp_path / "a/b/job"
    job.mkdir(parents=True)
    paths = CgroupPaths(MemoryHierarchy("v2", tmp_path))
    job_id = job.stat().st_ino
    assert paths.path(job_id) == "/a/b/job"
    assert paths.id("/a/b/job") == job_id
    assert paths.path(tmp_path.stat().st_ino) == "/"


def test_tree_is_walked_at_most_once_a_second(tmp_path: Path) -> None:
    clock = Clock()
    paths = CgroupPaths(MemoryHierarchy("v2", tmp_path), clock)
    assert paths.path(1) is None
    late = tmp_path / "late"
    late.mkdir()
    clock.now += 0.5
    assert paths.path(late.stat().st_ino) is None
    clock.now += 0.6
    assert paths.path(late.stat().st_ino) == "/late"


def test_walk_ends_after_so_many_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroups, "_MAX_FOLDERS", 4)
    looked: list[str] = []
    scandir = os.scandir

    class Counted:
        """Counts the entries that are taken."""

        def __init__(self, folder: str) -> None:
            self.entries = scandir(folder)

        def __enter__(self) -> Iterator[os.DirEntry[str]]:
            for entry in self.entries:
                looked.append(entry.name)
                yield entry

        def __exit__(self, *_: object) -> None:
            self.entries.close()

    monkeypatch.setattr(os, "scandir", Counted)
    made = [tmp_path / f"job-{number}" for number in range(10)]
    for folder in made:
        folder.mkdir()
    ids = [folder.stat().st_ino for folder in made]
    paths = CgroupPaths(MemoryHierarchy("v2", tmp_path), Clock())
    found = [paths.path(each) for each in ids]
    assert len(looked) == 5
    assert len([path for path in found if path]) == 4


def test_reported_path_outlives_the_cgroup(tmp_path: Path) -> None:
    paths = CgroupPaths(MemoryHierarchy("v1", tmp_path))
    paths.learn(4711, "/jobs/gone")
    assert paths.path(4711) == "/jobs/gone"
    assert paths.id("/jobs/gone") is None


def test_path_is_cleaned(tmp_path: Path) -> None:
    paths = CgroupPaths(MemoryHierarchy("v1", tmp_path))
    paths.learn(5, "/evil\x1b[2J\n")
    assert paths.path(5) == "/evil\\x1b[2J\\x0a"


def test_cache_of_paths_is_bounded(tmp_path: Path) -> None:
    paths = CgroupPaths(MemoryHierarchy("v1", tmp_path), Clock())
    for number in range(2, 9000):
        paths.learn(number, f"/{number}")
    assert paths.path(8999) == "/8999"
    assert paths.path(2) is None


def test_container_that_mounts_its_own_branch(tmp_path: Path) -> None:
    """Docker without a cgroup namespace: the mount shows /docker/abc, /proc the full path."""
    inner = tmp_path / "inner"
    inner.mkdir()
    paths = CgroupPaths(MemoryHierarchy("v1", tmp_path, "/docker/abc"))
    assert paths.folder("/docker/abc/inner") == inner
    assert paths.path(inner.stat().st_ino) == "/docker/abc/inner"
    assert paths.path(tmp_path.stat().st_ino) == "/docker/abc"
    assert paths.folder("/docker/other") is None
    assert paths.folder("/docker/abcd") is None


def test_cgroup_namespace_with_the_mount_of_the_host(tmp_path: Path) -> None:
    """The mount is one level above the namespace's root, and so are other jobs."""
    paths = CgroupPaths(MemoryHierarchy("v2", tmp_path, "/.."))
    assert paths.folder("/../other") == tmp_path / "other"
    assert paths.folder("/own") is None  # the name of our own root is not known


def test_path_above_the_mount_has_no_folder(tmp_path: Path) -> None:
    paths = CgroupPaths(MemoryHierarchy("v2", tmp_path))
    assert paths.folder("/../other") is None
    assert paths.id("/../other") is None
    assert paths.folder("/a/../../etc") is None


@given(st.text(max_size=40))
def test_no_path_leads_out_of_the_mount(path: str) -> None:
    mount = Path("/nowhere/mount")
    folder = CgroupPaths(MemoryHierarchy("v2", mount)).folder(path)
    assert folder is None or (folder.is_relative_to(mount) and ".." not in folder.parts)


class _Handles:
    """Fails as the kernel does."""

    def __init__(self, code: int) -> None:
        self.code = code

    def folder(self, _node_id: int) -> str:
        raise OSError(self.code, os.strerror(self.code))

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("code", "kept"),
    [(errno.ENAMETOOLONG, True), (errno.EMFILE, True), (errno.EPERM, False)],
)
def test_cgroups_are_opened_by_id_as_long_as_that_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, kept: bool
) -> None:
    """A cgroup whose path is too long says nothing about others."""
    (tmp_path / "a").mkdir()
    paths = CgroupPaths(MemoryHierarchy("v2", tmp_path))
    monkeypatch.setattr(paths, "_handles", _Handles(code))
    found = paths.path((tmp_path / "a").stat().st_ino)
    assert (found, paths._handles is not None) == ((None, True) if kept else ("/a", False))
