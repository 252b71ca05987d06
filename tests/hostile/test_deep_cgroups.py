"""A process in cgroups whose path is longer than the kernel shows; another is protected."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.acting import SECONDS, is_step
from tests.support.cgroups import memory_cgroup
from tests.support.names import unique_comm
from tests.support.patience import patient
from tests.support.records import Watch, job_of
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

VICTIM = unique_comm()
UNPRIVILEGED = 65534
DEPTH, NAME = 30, "d" * 250
"""7,500 bytes: PATH_MAX is 4,096."""


@contextmanager
def deep_process() -> Iterator[int]:
    """A sleep of another user, at the bottom of a tree that was delegated to that user."""
    with memory_cgroup() as group, ExitStack() as stack:
        fd = os.open(group.path, os.O_RDONLY | os.O_DIRECTORY)
        stack.callback(os.close, fd)
        for _ in range(DEPTH):
            os.mkdir(NAME, dir_fd=fd)
            stack.callback(os.rmdir, NAME, dir_fd=fd)
            fd = os.open(NAME, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
            stack.callback(os.close, fd)
        process = subprocess.Popen(["sleep", "600"], user=UNPRIVILEGED)
        stack.callback(process.wait)
        stack.callback(process.kill)
        procs = os.open("cgroup.procs", os.O_WRONLY, dir_fd=fd)
        os.write(procs, str(process.pid).encode())
        os.close(procs)
        yield process.pid


def pids(snapshot: dict[str, Any]) -> set[int]:
    return {process["pid"] for job in snapshot["jobs"] for process in job["processes"]}


def test_job_is_protected_beside_one_whose_path_is_too_long(tmp_path: Path) -> None:
    options = (
        "--comm", VICTIM, "--comm", "sleep", "--interval", "250ms", "--level", "64MiB",
        "--on-breach", "true", "--audit", str(tmp_path / "audit.jsonl"),
    )  # fmt: skip
    with (
        memory_cgroup() as group,
        deep_process() as deep,
        Watch(*options) as watch,
        Workload(VICTIM, cgroup=group) as victim,
    ):
        watch.wait_for(lambda it: it["type"] == "snapshot" and deep in pids(it), SECONDS)
        watch.wait_for(lambda it: it["type"] == "snapshot" and victim.pid in pids(it), SECONDS)
        job = job_of(watch.next_snapshot(SECONDS), victim.pid)
        assert job["cgroup"].endswith(group.path.name), "found by its id, after the other"
        victim.do("map 100MiB")
        victim.do("touch 0")
        assert watch.wait_for(is_step("shell"), SECONDS)["pid"] == victim.pid
        ended = watch.stop(signal.SIGTERM, patient(15))
    assert (ended.code, ended.stderr) == (0, "")
