"""One cgroup whose processes say they are hundreds of CI runs; another job is protected."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.ledger.register import MOST_RUNS
from tests.support.acting import SECONDS
from tests.support.build import pretend_binary
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.protection import protected_watch

pytestmark = pytest.mark.kernel

POLICIES = """
[[policy]]
name = "runs"
match.comm = "exe"
when = [{ detector = "level", bound = "64MiB" }]
then = [{ action = "notify" }]
"""
MOST_LINE = 512 << 10
"""Of one snapshot: two times 64 runs, and 300 processes, a kilobyte each."""


@contextmanager
def pretending(group: MemoryCgroup, *arguments: str) -> Iterator[None]:
    process = subprocess.Popen(
        group.inside([pretend_binary(), *arguments]), start_new_session=True
    )
    try:
        yield
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        group.remove()
        process.wait()


def runs_in(snapshot: dict[str, Any]) -> int:
    return sum(job["kind"] == "gitlab" for job in snapshot["jobs"])


@pytest.mark.parametrize("attack", [("ended",), ("live", "300")], ids=["ended", "live"])
def test_pretended_runs_are_bounded_and_another_job_protected(
    tmp_path: Path, attack: tuple[str, ...]
) -> None:
    options = ("--comm", "exe", "--interval", "250ms")
    with (
        memory_cgroup() as group,  # of these alone: tests that run at once pretend as well
        protected_watch(tmp_path, *options, policies=POLICIES, scope=[group]) as protection,
        pretending(group, *attack),
    ):
        watch = protection.watch
        watch.wait_for(
            lambda it: it["type"] == "snapshot" and runs_in(it) >= MOST_RUNS, SECONDS
        )
        if attack[0] == "live":
            watch.wait_for(lambda it: it.get("cause") == "runs_full", SECONDS)
        for _ in range(4):
            snapshot = watch.next_snapshot(SECONDS)
            assert runs_in(snapshot) <= 2 * MOST_RUNS + 1
            assert len(json.dumps(snapshot)) < MOST_LINE
        ended = protection.verify()
    if attack[0] == "live":
        (remark,) = (it["text"] for it in ended.of_type("remark") if "CI runs" in it["text"])
        assert "further ones are counted as the cgroup itself" in remark
