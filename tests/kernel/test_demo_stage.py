"""The demo's jobs in real memory cgroups, with the stand-in."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from ebpftrace.demo.folder import Folder
from ebpftrace.demo.roles import ROLES, Role
from ebpftrace.demo.stage import Stage
from ebpftrace.host.mounts import memory_hierarchy
from ebpftrace.units import MIB
from tests.support.process_state import until

LEAK = next(role for role in ROLES if role.name == "leak")


def holds_gopls(cgroup: Path) -> bool:
    """Whether a process named gopls is in the cgroup."""
    for pid in (cgroup / "cgroup.procs").read_text().split():
        try:
            if Path(f"/proc/{pid}/comm").read_text(encoding="utf-8") == "gopls\n":
                return True
        except (FileNotFoundError, ProcessLookupError):
            continue
    return False


def test_jobs_are_named_gopls_and_limited_and_removed(tmp_path: Path) -> None:
    hierarchy = memory_hierarchy()
    with Folder(tmp_path) as folder:
        with Stage(hierarchy, folder.path) as stage:
            for role in ROLES:
                stage.start(role, None)
            cgroups = [hierarchy.mount / f"{folder.path.name}-{role.name}" for role in ROLES]
            for role, cgroup in zip(ROLES, cgroups, strict=True):
                assert limit_bytes(cgroup) == role.limit_bytes
                until(partial(holds_gopls, cgroup))
            pids = [
                int(pid)
                for cgroup in cgroups
                for pid in (cgroup / "cgroup.procs").read_text().split()
            ]
            assert len(pids) == 2 * len(ROLES)
        assert not any(cgroup.exists() for cgroup in cgroups)
        assert [pid for pid in pids if is_running(pid)] == []
    assert list(tmp_path.iterdir()) == []


def test_leak_ends_in_an_oom_kill_and_is_restarted(tmp_path: Path) -> None:
    small: Role = replace(LEAK, limit_bytes=40 * MIB)
    with Folder(tmp_path) as folder, Stage(memory_hierarchy(), folder.path) as stage:
        stage.start(small, None)
        cgroup = memory_hierarchy().mount / f"{folder.path.name}-leak"
        until(lambda: bool(stage.messages([small])))
        assert stage.messages([small])[0] == (
            "leak: gopls was killed (signal 9); the runner restarts it"
        )
        until(partial(holds_gopls, cgroup))


def limit_bytes(cgroup: Path) -> int:
    """The cgroup's limit, on v1 or v2."""
    v1 = cgroup / "memory.limit_in_bytes"
    return int((v1 if v1.exists() else cgroup / "memory.max").read_text())


def is_running(pid: int) -> bool:
    """Whether the process is there and not a zombie that init has yet to reap."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
