"""Hundreds of stopped processes of one user, and a watch that may open 1,024 files."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.build import flood_binary, named
from tests.support.cgroups import memory_cgroup
from tests.support.names import unique_comm
from tests.support.process_state import state, until
from tests.support.protection import protected_watch

pytestmark = pytest.mark.kernel

CROWD = unique_comm()
PROCESSES = 600
FEW_DESCRIPTORS = ("prlimit", "--nofile=1024:1024")
"""The limit, soft and hard, is the usual one."""
MOST_RSS_BYTES = 80 << 20
MOST_DESCRIPTORS = PROCESSES + 128  # of each stopped process a pidfd, at most
POLICIES = f"""
[[policy]]
name = "crowd"
match.comm = "{CROWD}"
capture = false
fuse = {{ bound = "256KiB", of = "process" }}
then = [{{ action = "shell", line = "sleep 300", timeout = "5m" }}]
"""


def test_job_is_protected_beside_hundreds_of_stopped_processes(tmp_path: Path) -> None:
    with (
        memory_cgroup() as crowded,
        protected_watch(
            tmp_path, "--comm", CROWD, "--interval", "500ms", policies=POLICIES,
            wrapper=lambda argv: [*FEW_DESCRIPTORS, *argv],
        ) as protection,
    ):  # fmt: skip
        protection.begin()
        program = named(flood_binary(), CROWD, tmp_path)
        grown = subprocess.Popen(crowded.inside([program, "grow", str(PROCESSES)]))
        try:
            until(lambda: stopped(crowded.pids()) == PROCESSES)
            protection.verify(rss_bytes=MOST_RSS_BYTES, descriptors=MOST_DESCRIPTORS)
            assert stopped(crowded.pids()) == 0
        finally:
            grown.kill()
            crowded.remove()
            grown.wait()


def stopped(pids: Sequence[int]) -> int:
    return sum(state(pid) == "T" for pid in pids)
