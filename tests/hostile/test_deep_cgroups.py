"""A process in cgroups whose path is longer than the kernel shows; another is protected."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.acting import SECONDS
from tests.support.cgroups import memory_cgroup
from tests.support.delegation import as_user, delegated, remove_below
from tests.support.protection import protected_watch
from tests.support.records import holds

pytestmark = pytest.mark.kernel

DEPTH, NAME = 30, "d" * 250
"""7,500 bytes: PATH_MAX is 4,096."""
DESCEND = """
import os, sys
folder, depth, name, version = sys.argv[1:]
os.chdir(folder)
for _ in range(int(depth)):
    if version == "2":
        open("cgroup.subtree_control", "w").write("+memory")
    os.mkdir(name)
    os.chdir(name)
with open("cgroup.procs", "w") as procs:
    procs.write("0")
os.execlp("sleep", "sleep", "600")
"""


@contextmanager
def deep_process() -> Iterator[int]:
    """A sleep of a user, at the bottom of a tree that it made in a delegated cgroup."""
    with memory_cgroup() as group:
        begin = delegated(group)
        arguments = (str(group.path), str(DEPTH), NAME, str(group.version))
        script = as_user(["/usr/bin/python3", "-c", DESCEND, *arguments])
        process = subprocess.Popen(begin.inside(script))
        try:
            yield process.pid
            assert process.poll() is None
        finally:
            process.kill()
            process.wait()
            remove_below(group)


def test_job_is_protected_beside_one_whose_path_is_too_long(tmp_path: Path) -> None:
    with (
        deep_process() as deep,
        protected_watch(tmp_path, "--comm", "sleep", "--interval", "250ms") as protection,
    ):
        protection.watch.wait_for(holds(deep), SECONDS)
        protection.verify()  # the cgroups of the other jobs are found by their ids
