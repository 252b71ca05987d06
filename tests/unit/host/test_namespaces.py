import os
import subprocess
import sys
from pathlib import Path

import pytest

from ebpftrace.host.mounts import MemoryHierarchy
from ebpftrace.host.namespaces import (
    cgroup_namespace_root,
    in_initial_pid_namespace,
    node_names,
)
from tests.support.fakeroot import FakeRoot


def test_initial_pid_namespace_is_recognised_by_its_inode() -> None:
    """What kthreadd, which lives in no other, is to be seen as."""
    threads = Path("/proc/2/comm")
    ours = threads.exists() and threads.read_text(encoding="utf-8") == "kthreadd\n"
    assert in_initial_pid_namespace() == ours


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: unshare is refused")
def test_unshared_pid_namespace_is_not_the_initial_one() -> None:
    ask = "from ebpftrace.host import namespaces as n; print(n.in_initial_pid_namespace())"
    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", ask],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"


def test_pid_namespace_is_taken_for_the_initial_one_without_proc(tmp_path: Path) -> None:
    assert in_initial_pid_namespace(tmp_path)


@pytest.mark.parametrize(
    ("own", "found"),
    [("/", "a/b"), ("/x", "a"), ("/a/b", ""), ("/../b", None), ("/a/b/c", None)],
)
def test_root_of_the_cgroup_namespace_is_found_above_our_cgroup(
    tmp_path: Path, own: str, found: str | None
) -> None:
    fake = FakeRoot(tmp_path)
    fake.process(os.getpid(), cgroup=f"4:memory:{own}")
    fake.folder("/mount", cgroup__procs="1\n")
    fake.folder("/mount/a", cgroup__procs=f"1{os.getpid()}\n")
    fake.folder("/mount/a/b", cgroup__procs=f"7\n{os.getpid()}\n")
    mount = tmp_path / "mount"
    hierarchy = MemoryHierarchy("v1", mount, "/../..")
    expected = None if found is None else mount / found
    assert cgroup_namespace_root(hierarchy, tmp_path) == expected


def test_namespace_without_visible_processes_has_no_root(tmp_path: Path) -> None:
    fake = FakeRoot(tmp_path)
    fake.process(os.getpid(), cgroup="4:memory:/")
    fake.folder("/mount/a", cgroup__procs="1\n")
    assert (
        cgroup_namespace_root(MemoryHierarchy("v1", tmp_path / "mount", "/.."), tmp_path)
        is None
    )


def test_node_has_the_kernels_name_and_that_of_pid_1(tmp_path: Path) -> None:
    assert node_names(tmp_path) == ()
    for file, name in (
        ("sys/kernel/hostname", "pod-7\n"),
        ("1/root/etc/hostname", "node\x1b\n"),
    ):
        (tmp_path / "proc" / file).parent.mkdir(parents=True)
        (tmp_path / "proc" / file).write_text(name)
    assert node_names(tmp_path) == ("pod-7", "node\\x1b")
    assert os.uname().nodename in node_names()
