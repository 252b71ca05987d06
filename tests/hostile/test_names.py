"""An unprivileged user names the cgroups that were delegated to it after another job."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.acting import SECONDS
from tests.support.cgroups import MemoryCgroup, memory_cgroup, write
from tests.support.records import Watch, job_of
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

UNPRIVILEGED = 65534
AS_USER = ["setpriv", f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--clear-groups"]
UID = "12345678-9abc-def0-1234-56789abcdef0"
ID = "e" * 64


def made_below(group: MemoryCgroup, below: str) -> Path:
    """Cgroups that the user makes in one that was delegated to it, the outermost first."""
    os.chown(group.path, UNPRIVILEGED, UNPRIVILEGED)
    folder = group.path / below
    subprocess.run([*AS_USER, "mkdir", "-p", folder], check=True, cwd="/")
    return folder


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
def test_cgroup_of_a_user_is_no_job_of_root_s(below: str) -> None:
    with memory_cgroup() as group, Workload("hostile") as workload:
        folder = made_below(group, below)
        try:
            write(folder / "cgroup.procs", workload.pid)
            with Watch("--comm", "hostile", "--interval", "200ms") as watch:
                job = job_of(watch.next_snapshot(SECONDS), workload.pid)
            assert job["kind"] != "kubernetes"
            assert job["name"].endswith(f"(uid {UNPRIVILEGED})")
            assert job["cgroup"].startswith(f"{group.name}/")
        finally:
            group.add(workload.pid)
            for part in (folder, *folder.parents):
                if part == group.path:
                    break
                part.rmdir()
