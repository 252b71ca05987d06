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
from tests.support.acting import SECONDS, is_step
from tests.support.build import pretend_binary
from tests.support.cgroups import memory_cgroup
from tests.support.names import unique_comm
from tests.support.patience import patient
from tests.support.records import Watch, job_of
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

VICTIM = unique_comm()
MOST_RSS_BYTES = 60 << 20
MOST_LINE = 512 << 10
"""Of one snapshot: two times 64 runs, and 300 processes, a kilobyte each."""


@contextmanager
def pretending(*arguments: str) -> Iterator[None]:
    with memory_cgroup() as group:
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
    options = (
        "--comm", VICTIM, "--comm", "exe", "--interval", "250ms",
        "--level", "64MiB", "--on-breach", "true", "--audit", str(tmp_path / "audit.jsonl"),
    )  # fmt: skip
    with (
        memory_cgroup() as group,
        Workload(VICTIM, cgroup=group) as victim,
        Watch(*options) as watch,
        pretending(*attack),
    ):
        watch.wait_for(
            lambda it: it["type"] == "snapshot" and runs_in(it) >= MOST_RUNS, SECONDS
        )
        if attack[0] == "live":
            watch.wait_for(lambda it: it.get("cause") == "runs_full", SECONDS)
        for _ in range(8):
            snapshot = watch.next_snapshot(SECONDS)
            assert job_of(snapshot, victim.pid)
            assert runs_in(snapshot) <= 2 * MOST_RUNS + 1
            assert len(json.dumps(snapshot)) < MOST_LINE
        assert snapshot["self"]["rss_bytes"] < MOST_RSS_BYTES
        victim.do("map 100MiB")
        victim.do("touch 0")
        assert watch.wait_for(is_step("shell"), SECONDS)["pid"] == victim.pid
        ended = watch.stop(signal.SIGTERM, patient(15))
    assert (ended.code, ended.stderr) == (0, "")
    if attack[0] == "live":
        (remark,) = (it["text"] for it in ended.of_type("remark") if "CI runs" in it["text"])
        assert "further ones are counted as the cgroup itself" in remark
