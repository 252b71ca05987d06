import os
import subprocess
import sys
from pathlib import Path

import pytest

from ebpftrace.host.mounts import MemoryHierarchy
from ebpftrace.host.namespaces import cgroup_namespace_root, in_initial_pid_namespace
from tests.support.fakeroot import FakeRoot


def test_the_initial_pid_namespace_is_known_by_its_number() -> None:
    """What kthreadd, which lives in no other, is to be seen as."""
    threads = Path("/proc/2/comm")
    ours = threads.exists() and threads.read_text() == "kthreadd\n"
    assert in_initial_pid_namespace() == ours


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: unshare is refused")
def test_a_namespace_of_its_own_is_not_the_initial_one() -> None:
    ask = "from ebpftrace.host import namespaces as n; print(n.in_initial_pid_namespace())"
    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", ask],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"


def test_without_proc_nothing_is_said_of_pids(tmp_path: Path) -> None:
    assert in_initial_pid_namespace(tmp_path)


@pytest.mark.parametrize(
    ("own", "found"),
    [("/", "a/b"), ("/x", "a"), ("/a/b", ""), ("/../b", None), ("/a/b/c", None)],
)
def test_the_namespaces_root_is_above_our_own_cgroup(
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


def test_a_namespace_whose_processes_are_not_to_be_seen_has_no_root(tmp_path: Path) -> None:
    fake = FakeRoot(tmp_path)
    fake.process(os.getpid(), cgroup="4:memory:/")
    fake.folder("/mount/a", cgroup__procs="1\n")
    assert (
        cgroup_namespace_root(MemoryHierarchy("v1", tmp_path / "mount", "/.."), tmp_path)
        is None
    )
