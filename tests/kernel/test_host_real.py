"""host/ against the real kernel: handles of cgroups, taskstats, mounting tracefs."""

import errno
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ebpftrace.counters import Delays
from ebpftrace.host.cgroups import ROOT_ID, CgroupPaths, memory_cgroup
from ebpftrace.host.delay_accounting import DelayAccounting
from ebpftrace.host.kernfs import KernfsHandles
from ebpftrace.host.mounts import memory_hierarchy
from ebpftrace.host.taskstats import ask, open_socket
from tests.support import cgroups

GONE = 2**22 + 1  # above PID_MAX_LIMIT


def test_path_and_id_of_a_cgroup() -> None:
    paths = CgroupPaths(memory_hierarchy())
    with cgroups.memory_cgroup(name="inner") as group:
        assert paths.path(group.id) == group.name
        assert paths.id(group.name) == group.id
        group.path.rmdir()
        assert paths.path(group.id) == group.name, "known names outlive the cgroup"
        assert CgroupPaths(memory_hierarchy()).path(group.id) is None
    assert paths.path(ROOT_ID) == "/"
    paths.close()


def test_handles_and_the_walk_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    with cgroups.memory_cgroup(name="inner") as group:
        by_handle = CgroupPaths(memory_hierarchy())

        def refuse(self: KernfsHandles, node_id: int) -> str | None:
            raise PermissionError(errno.EPERM, "refused")

        bereft = CgroupPaths(memory_hierarchy())
        monkeypatch.setattr(KernfsHandles, "folder", refuse)
        by_walk = CgroupPaths(memory_hierarchy())
        assert by_walk.path(group.id) == group.name
        assert bereft.path(group.id) == group.name, "it may lose the right to use handles"
        monkeypatch.undo()
        assert by_handle.path(group.id) == group.name


def test_memory_cgroup_of_a_process() -> None:
    with cgroups.memory_cgroup() as group:
        process = group.run(["sleep", "60"])
        assert memory_cgroup(process.pid) == group.name
        process.kill()
        process.wait()
        assert memory_cgroup(process.pid) is None


def test_delays_of_this_process_and_of_a_missing_one() -> None:
    with closing(DelayAccounting()) as accounting:
        delays = accounting.read(os.getpid())
        assert isinstance(delays, Delays)
        assert delays.reclaim_ns >= 0
        assert accounting.read(GONE) is None


def voluntary_switches(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return int(dict(line.split(":\t", 1) for line in lines)["voluntary_ctxt_switches"])


def test_taskstats_layout_is_that_of_the_kernel() -> None:
    """A counter just before those we read, nvcsw, is where this layout says it is."""
    with subprocess.Popen(["sleep", "60"]) as child:
        socket = open_socket()
        try:
            before, after = 0, -1
            while before != after or not after:  # until it sleeps
                before = voluntary_switches(child.pid)
                record = ask(socket, child.pid)
                after = voluntary_switches(child.pid)
        finally:
            socket.close()
            child.kill()
    version = int.from_bytes(record[:2], sys.byteorder)
    at = 320 if version == 15 else 272
    assert int.from_bytes(record[at : at + 8], sys.byteorder) == after > 0


MOUNTING = """
import subprocess
from ebpftrace.host.mounts import mount_point
from ebpftrace.host.tracefs import mounted_tracefs
while (there := mount_point("tracefs")) is not None:
    subprocess.run(["umount", "-l", str(there)], check=True)
with mounted_tracefs() as folder:
    assert (folder / "available_events").exists()
    with mounted_tracefs() as again:
        assert again == folder
    assert mount_point("tracefs") == folder, "the second one must not unmount the first's"
assert mount_point("tracefs") is None, "what was mounted here must go"
"""


def test_tracefs_is_mounted_and_unmounted() -> None:
    """In a mount namespace of its own, so that the machine's mounts stay as they are."""
    argv = ["unshare", "--mount", "--propagation", "private", sys.executable, "-c", MOUNTING]
    subprocess.run(argv, check=True)
