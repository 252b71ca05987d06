"""A process in cgroups whose path is longer than the kernel shows; another is protected."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.acting import SECONDS
from tests.support.cgroups import memory_cgroup
from tests.support.protection import protected_watch
from tests.support.records import holds

pytestmark = pytest.mark.kernel

UNPRIVILEGED = 65534
DEPTH, NAME = 30, "d" * 250
"""7,500 bytes: PATH_MAX is 4,096."""


def hand_down(fd: int) -> None:
    """The cgroups below shall have memory controllers."""
    file = os.open("cgroup.subtree_control", os.O_WRONLY, dir_fd=fd)
    os.write(file, b"+memory")
    os.close(file)


@contextmanager
def deep_process() -> Iterator[int]:
    """A sleep of another user, at the bottom of a tree that was delegated to that user."""
    with memory_cgroup() as group, ExitStack() as stack:
        fd = os.open(group.path, os.O_RDONLY | os.O_DIRECTORY)
        stack.callback(os.close, fd)
        for _ in range(DEPTH):
            if group.version == 2:
                hand_down(fd)
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


def test_job_is_protected_beside_one_whose_path_is_too_long(tmp_path: Path) -> None:
    with (
        deep_process() as deep,
        protected_watch(tmp_path, "--comm", "sleep", "--interval", "250ms") as protection,
    ):
        protection.watch.wait_for(holds(deep), SECONDS)
        protection.verify()  # the cgroups of the other jobs are found by their ids
