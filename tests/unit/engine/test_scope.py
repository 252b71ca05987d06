"""Which folders --cgroup may mean. The trees are fakes: plain folders, of any layout."""

import os
from pathlib import Path

import pytest

from ebpftrace.engine.scope import cgroup_ids
from ebpftrace.errors import GoneError, UsageError
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.host.mounts import MemoryHierarchy


def ids(mount: Path, *cgroups: str, root: str = "/") -> set[int]:
    hierarchy = MemoryHierarchy("v1", mount, root)
    paths = CgroupPaths(hierarchy)
    try:
        return set(cgroup_ids(cgroups, hierarchy, paths))
    finally:
        paths.close()


def inodes(*folders: Path) -> set[int]:
    return {folder.stat().st_ino for folder in folders}


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    (tmp_path / "memory/ci/build-42/step").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    return tmp_path / "memory"


@pytest.mark.parametrize("name", ["/ci/build-42", "ci/build-42/", "{mount}/ci/build-42"])
def test_cgroup_is_named_by_its_path_or_its_folder(mount: Path, name: str) -> None:
    build = mount / "ci/build-42"
    assert ids(mount, name.format(mount=mount)) == inodes(build)


def test_cgroup_that_is_named_twice_counts_once(mount: Path) -> None:
    assert ids(mount, "/ci", "/ci/") == inodes(mount / "ci")


def test_folder_outside_of_the_mount_is_no_cgroup(mount: Path) -> None:
    for name in (str(mount.parent / "outside"), "/etc", "/usr"):
        with pytest.raises(GoneError, match=f"no memory cgroup {name}"):
            ids(mount, name)
        with pytest.raises(GoneError):
            ids(mount, name, root="/docker/abc")


@pytest.mark.parametrize("name", ["..", "/../../etc", "/ci/../..", "{mount}/../outside"])
@pytest.mark.parametrize("root", ["/", "/docker/abc"])
def test_no_name_leads_out_of_the_mount(mount: Path, name: str, root: str) -> None:
    with pytest.raises(UsageError, match=r"has a '\.\.'"):
        ids(mount, name.format(mount=mount), root=root)


def test_cgroups_above_a_cgroup_namespace_can_be_named(mount: Path) -> None:
    (step,) = inodes(mount / "ci/build-42/step")
    assert ids(mount, "/../../ci/build-42/step", root="/../..") == {step}
    assert ids(mount, "/ci/build-42/step", root="/../..") == {step}  # as we print it
    with pytest.raises(UsageError, match=r"has a '\.\.'"):
        ids(mount, "/../../../outside", root="/../..")


def test_names_of_a_cgroup_namespace_come_first(
    mount: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = mount / "ci/build-42"
    (build / "ci").mkdir()
    (build / "cgroup.procs").write_text(f"1\n{os.getpid()}\n")
    monkeypatch.setattr("ebpftrace.host.namespaces.memory_cgroup", lambda *_: "/")
    assert ids(mount, "/step", root="/../..") == inodes(build / "step")
    assert ids(mount, "/ci", root="/../..") == inodes(build / "ci")
    assert ids(mount, "/", root="/../..") == inodes(build)
