from pathlib import Path

import pytest

from ebpftrace.errors import EbpftraceError
from ebpftrace.host.mounts import memory_hierarchy, mount_point, mounts
from tests.support.fakeroot import FakeRoot

V1 = "/ /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"
V1_CPU = "/ /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu"
V2 = "/ /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate"
V2_BESIDE = "/ /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"


def test_v1_mount_with_the_memory_controller_is_found(tmp_path: Path) -> None:
    fake = FakeRoot(tmp_path)
    fake.mounts(V1_CPU, V1)
    found = memory_hierarchy(tmp_path)
    assert (found.version, found.mount) == ("v1", tmp_path / "sys/fs/cgroup/memory")
    assert found.root == "/"


def test_v1_memory_with_a_v2_mount_is_hybrid(tmp_path: Path) -> None:
    fake = FakeRoot(tmp_path)
    fake.mounts(V2_BESIDE, V1)
    assert memory_hierarchy(tmp_path).version == "hybrid"


def test_v2_mount_with_the_memory_controller_is_found(tmp_path: Path) -> None:
    fake = FakeRoot(tmp_path)
    fake.mounts(V2)
    fake.folder("/sys/fs/cgroup", cgroup__controllers="cpu memory pids\n")
    found = memory_hierarchy(tmp_path)
    assert (found.version, found.mount) == ("v2", tmp_path / "sys/fs/cgroup")


def test_root_is_the_cgroup_that_docker_mounts(tmp_path: Path) -> None:
    fake = FakeRoot(tmp_path)
    fake.mounts("/docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory")
    assert memory_hierarchy(tmp_path).root == "/docker/abc"


def test_v2_without_the_memory_controller_is_an_error_with_a_fix(tmp_path: Path) -> None:
    fake = FakeRoot(tmp_path)
    fake.mounts(V2)
    fake.folder("/sys/fs/cgroup", cgroup__controllers="cpu pids\n")
    with pytest.raises(EbpftraceError, match="no memory cgroups") as caught:
        memory_hierarchy(tmp_path)
    assert "cgroup_disable" in caught.value.fix


def test_missing_proc_is_an_error_with_a_fix(tmp_path: Path) -> None:
    with pytest.raises(EbpftraceError, match="mountinfo") as caught:
        memory_hierarchy(tmp_path)
    assert caught.value.fix


def test_name_of_a_mount_point_is_no_line(tmp_path: Path) -> None:
    """A user may mount in a namespace of their own, wherever they please."""
    fake = FakeRoot(tmp_path)
    fake.mounts("/ /mnt/a\r1 1 0:1 / /fake rw - tracefs tracefs rw rw - tmpfs none rw")
    assert [mount.point for mount in mounts(tmp_path)] != ["/fake"]
    assert mount_point("tracefs", tmp_path) != Path("/fake")


def test_escapes_and_optional_fields_are_parsed_and_broken_lines_skipped(
    tmp_path: Path,
) -> None:
    fake = FakeRoot(tmp_path)
    fake.mounts(
        r"/a\040b /mnt/c\134d rw shared:1 master:2 - tracefs tracefs rw",
        "broken line",
        "/ /short rw - x",
    )
    (only,) = mounts(tmp_path)
    assert (only.root, only.point, only.fstype) == ("/a b", "/mnt/c\\d", "tracefs")
    assert mount_point("tracefs", tmp_path) == Path("/mnt/c\\d")
    assert mount_point("debugfs", tmp_path) is None
