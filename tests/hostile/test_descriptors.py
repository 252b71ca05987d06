"""Hundreds of stopped processes of one user, and a watch that may open few files."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.acting import SECONDS, of_type
from tests.support.build import flood_binary, named
from tests.support.cgroups import memory_cgroup
from tests.support.names import unique_comm
from tests.support.process_state import state, until
from tests.support.protection import protected_watch
from tests.support.records import job_of

pytestmark = pytest.mark.kernel

CROWD = unique_comm()
PROCESSES = 600
DESCRIPTORS = 200
"""Some hundred are taken by programs and maps, and the last 96 are kept for need: what takes
one for each stopped process has to stop at that reserve."""
MOST_RSS_BYTES = 80 << 20
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
            wrapper=lambda argv: ["prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}", *argv],
        ) as protection,
    ):  # fmt: skip
        protection.begin()
        program = named(flood_binary(), CROWD, tmp_path)
        grown = subprocess.Popen(crowded.inside([program, "grow", str(PROCESSES)]))
        try:
            until(lambda: stopped(crowded.pids()) == PROCESSES)
            protection.works()
            remarks = [one["text"] for one in of_type(protection.watch, "remark")]
            assert any("no death signal" in text for text in remarks)  # the reserve was reached
            # None was taken for a process that has ended, since it could not be opened.
            assert {one["event"] for one in protection.of_attack("fuse")} == {"stopped"}
            snapshot = protection.watch.next_snapshot(SECONDS)
            assert len(job_of(snapshot, grown.pid)["processes"]) == PROCESSES + 1
            assert "descriptors" not in snapshot["losses"]
            protection.ends(rss_bytes=MOST_RSS_BYTES, descriptors=DESCRIPTORS)
            assert stopped(crowded.pids()) == 0
        finally:
            grown.kill()
            crowded.remove()
            grown.wait()


def stopped(pids: Sequence[int]) -> int:
    return sum(state(pid) == "T" for pid in pids)
