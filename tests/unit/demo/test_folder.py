"""The demo's folder, its lock, and leftovers; cgroups are plain folders here."""

import tempfile
from pathlib import Path

import pytest

from ebpftrace.demo.folder import Folder, choose_base, remove_leftovers
from ebpftrace.host.mounts import MemoryHierarchy


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "base"
    folder.mkdir()
    return folder


@pytest.fixture
def hierarchy(tmp_path: Path) -> MemoryHierarchy:
    mount = tmp_path / "cgroup"
    mount.mkdir()
    return MemoryHierarchy("v1", mount)


def test_folder_is_removed_with_its_context(base: Path) -> None:
    with Folder(base) as folder:
        (folder.path / "leak").mkdir()
        assert list(base.iterdir()) == [folder.path]
    assert list(base.iterdir()) == []


def test_running_demo_is_not_removed(base: Path, hierarchy: MemoryHierarchy) -> None:
    with Folder(base) as folder:
        cgroup = hierarchy.mount / f"{folder.path.name}-leak"
        cgroup.mkdir()
        assert remove_leftovers(base, hierarchy) == []
        assert folder.path.exists()
        assert cgroup.exists()


def test_leftovers_of_a_killed_demo_are_removed(base: Path, hierarchy: MemoryHierarchy) -> None:
    folder = base / "ebpftrace-demo-4711"
    folder.mkdir()
    (folder / "lock").touch()
    cgroup = hierarchy.mount / "ebpftrace-demo-4711-leak"
    cgroup.mkdir()
    orphan = hierarchy.mount / "ebpftrace-demo-4712-steady"
    orphan.mkdir()
    others = hierarchy.mount / "ebpftrace-demo-notes"
    others.mkdir()
    assert remove_leftovers(base, hierarchy) == [
        "ebpftrace-demo-4711",
        "ebpftrace-demo-4711-leak",
        "ebpftrace-demo-4712-steady",
    ]
    assert list(base.iterdir()) == []
    assert list(hierarchy.mount.iterdir()) == [others]


def test_temporary_folder_is_used_without_a_tmpfs(tmp_path: Path) -> None:
    mountinfo = tmp_path / "proc/self/mountinfo"
    mountinfo.parent.mkdir(parents=True)
    mountinfo.write_text("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n")
    assert choose_base(tmp_path) == (Path(tempfile.gettempdir()), False)


def test_writable_tmpfs_is_preferred(tmp_path: Path) -> None:
    mountinfo = tmp_path / "proc/self/mountinfo"
    mountinfo.parent.mkdir(parents=True)
    mountinfo.write_text("22 1 0:20 / /dev/shm rw - tmpfs tmpfs rw\n")
    assert choose_base(tmp_path) == (Path("/dev/shm"), True)
