"""jobs/ with real processes in real memory cgroups."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.host.mounts import memory_hierarchy
from ebpftrace.host.proc import read_comm
from ebpftrace.jobs import JobResolver
from tests.support import cgroups

ID = "a" * 64
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_RUN_ID": "99",
    "GITHUB_RUN_NUMBER": "7",
    "GITHUB_JOB": "test",
    "GITHUB_REPOSITORY": "org/repo",
}


@pytest.fixture
def paths() -> Iterator[CgroupPaths]:
    opened = CgroupPaths(memory_hierarchy())
    yield opened
    opened.close()


def child_of(pid: int) -> int:
    """The one child of a process, once it has executed sleep."""
    while True:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
        if children and read_comm(int(children[0])) == "sleep":
            return int(children[0])
        time.sleep(0.001)


def shell(script: str, variables: Mapping[str, str]) -> list[str]:
    settings = [f"{name}={value}" for name, value in variables.items()]
    return ["env", "-i", "PATH=/usr/bin:/bin", *settings, "sh", "-c", script]


def test_successive_jobs_in_one_cgroup_have_different_keys(
    paths: CgroupPaths,
) -> None:
    resolver = JobResolver(paths)
    with cgroups.memory_cgroup() as group:
        keys = []
        for run in ("99", "100"):
            script = "env -i sleep 60 & wait"
            job = group.run(shell(script, {**GITHUB, "GITHUB_RUN_ID": run}))
            sleeper = child_of(job.pid)
            identity = resolver.resolve(sleeper, group.id)
            assert (identity.kind, identity.name) == ("github", "org/repo#7 test")
            assert identity.identified_by == (
                f"GITHUB_RUN_ID of pid {sleeper}'s ancestor {job.pid}"
            )
            assert identity.cgroup == group.name
            assert resolver.resolve(job.pid, group.id).key == identity.key
            keys.append(identity.key)
            os.kill(sleeper, 9)
            job.wait()
        assert keys[0] != keys[1]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (f"docker/{ID}", "docker"),
        (f"kubepods/burstable/pod{'0' * 32}/{ID}", "kubernetes"),
        (f"machine.slice/libpod-{ID}.scope", "podman"),
        ("system.slice/agent.service", "systemd"),
        ("jobs", "cgroup"),
    ],
)
def test_process_without_variables_is_identified_by_its_cgroup(
    paths: CgroupPaths, path: str, kind: str
) -> None:
    with cgroups.memory_cgroup(name=path) as group:
        # Orphaned, so that what started these tests is not its ancestor.
        process = group.run(shell("(exec sleep 60 >/dev/null) & exit", {}))
        process.wait()
        (sleeper,) = group.pids()
        identity = JobResolver(paths).resolve(sleeper, group.id)
        assert identity.kind == kind
        assert identity.cgroup == group.name
        lasting = f"systemd:{group.name}" if kind == "systemd" else str(group.id)
        assert identity.key == lasting


def test_removed_cgroup_and_ended_process_keep_their_job(paths: CgroupPaths) -> None:
    with cgroups.memory_cgroup(name=f"docker/{ID}") as group:
        paths.learn(group.id, group.name)  # as the kernel's mkdir event would
        process = subprocess.Popen(["true"])
        process.wait()
        group.path.rmdir()
        identity = JobResolver(paths).resolve(process.pid, group.id)
    assert (identity.kind, identity.cgroup) == ("docker", group.name)
