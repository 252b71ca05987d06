"""An unprivileged user names the cgroups that were delegated to it after another job."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ebpftrace.host.cgroups import memory_cgroup as cgroup_of
from ebpftrace.host.cgroups import v1_cgroup
from tests.support.acting import SECONDS
from tests.support.cgroups import MemoryCgroup, memory_cgroup, write
from tests.support.delegation import UNPRIVILEGED, made_below
from tests.support.evaders import begin, evading
from tests.support.names import unique_comm
from tests.support.process_state import until
from tests.support.protection import protected_watch
from tests.support.records import job_of
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

HOSTILE, VICTIM = unique_comm(), unique_comm()
UID = "12345678-9abc-def0-1234-56789abcdef0"
ID = "e" * 64
FREEZE = """
[[policy]]
name = "freeze"
match.comm = "evade-*"
grace = "0s"
capture = false
when = [{{ detector = "level", bound = "160MiB", of = "process" }}]
then = [
    {{ action = "freeze" }},
    {{ action = "shell", line = "cat {state} >{seen}" }},
    {{ action = "signal", grace = "300ms" }},
]
"""


@pytest.mark.parametrize(
    "below",
    [
        f"kubepods/burstable/pod{UID}/{ID}",
        f"x-kubepods/pod{UID}/{ID}",
        f"docker/{ID}",
        "system.slice/victim.service",
        "job (deleted)",
        "job\x0c\x1b[31m",
    ],
)
def test_cgroup_of_a_user_is_no_job_of_root_s(tmp_path: Path, below: str) -> None:
    with (
        memory_cgroup() as group,
        made_below(group, below) as hostile,
        Workload(HOSTILE, cgroup=hostile, unprivileged=True) as workload,
        protected_watch(tmp_path, "--comm", HOSTILE, "--interval", "200ms") as protection,
    ):
        job = job_of(protection.watch.next_snapshot(SECONDS), workload.pid)
        assert job["kind"] != "kubernetes"
        assert job["name"].endswith(f"(uid {UNPRIVILEGED})")
        assert job["cgroup"].startswith(f"{group.name}/")
        protection.verify()


@contextmanager
def freezer_of(group: MemoryCgroup) -> Iterator[Path]:
    """What says whether the processes of a job are frozen: on v1 a cgroup beside its own."""
    if group.version == 2:
        yield group.path / "cgroup.freeze"
        return
    folder = Path("/sys/fs/cgroup/freezer") / group.path.name
    if not folder.parent.is_dir():
        pytest.skip("no v1 freezer here")
    folder.mkdir()
    state = folder / "freezer.state"
    try:
        for pid in group.pids():
            write(folder / "cgroup.procs", pid)
        yield state
    finally:
        write(state, "THAWED")
        for pid in group.pids():
            write(folder.parent / "cgroup.procs", pid)
        until(lambda: not (folder / "cgroup.procs").read_text())
        folder.rmdir()


@contextmanager
def also_in_pids(pid: int, group: MemoryCgroup, below: str) -> Iterator[None]:
    """A process, on v1, in a cgroup of such a name that /proc/PID/cgroup lists first."""
    top = Path("/sys/fs/cgroup/pids")
    if group.version == 2 or not top.is_dir():
        yield
        return
    folder = top / group.path.name / below
    folder.mkdir(parents=True)
    try:
        write(folder / "cgroup.procs", pid)
        yield
    finally:
        with suppress(OSError):  # it has ended
            write(top / "cgroup.procs", pid)
        until(lambda: not (folder / "cgroup.procs").read_text())
        while folder != top:
            folder.rmdir()
            folder = folder.parent


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85"])
def test_cgroup_named_like_more_lines_of_proc_is_ended_and_no_other_frozen(
    tmp_path: Path, separator: str
) -> None:
    """What splits lines at more than newlines finds the freezer of the victim, or a move."""
    with (
        memory_cgroup() as group,
        memory_cgroup() as other,
        Workload(VICTIM, cgroup=other) as victim,
        freezer_of(other) as state,
    ):
        lines = ["x", f"0::{other.name}"]
        if group.version == 1:
            lines = ["x", f"1:freezer:{other.name}", "1:memory:/elsewhere"]
        seen = tmp_path / "seen"
        policy = FREEZE.format(state=state, seen=seen)
        options = ("--comm", "evade-*", "--interval", "200ms")
        below = separator.join(lines)
        with (
            made_below(group, below) as hostile,
            protected_watch(tmp_path, *options, policies=policy, scope=[group]) as protection,
            evading(hostile, "plain", "300") as evader,
            also_in_pids(evader.pid, group, below),
        ):
            assert v1_cgroup(evader.pid, "freezer") in ("/", "")
            until(lambda: (cgroup_of(evader.pid) or "").endswith(lines[-1].rpartition("/")[2]))
            assert cgroup_of(evader.pid) == f"{group.name}/{below}"
            protection.watch.next_snapshot(SECONDS)
            begin(evader)
            protection.works()
            assert evader.wait(SECONDS) in (-signal.SIGTERM, -signal.SIGKILL)
            protection.ends()
        assert seen.read_text().strip() in ("THAWED", "0")
        assert victim.do("map 1MiB")
