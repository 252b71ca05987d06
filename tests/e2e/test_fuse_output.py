"""Fuse events in JSON Lines and in a log, over a whole watch."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.acting import SECONDS
from tests.support.build import ROOT
from tests.support.cgroups import memory_cgroup
from tests.support.contract import assert_contract
from tests.support.names import unique_comm
from tests.support.records import Watch
from tests.support.sessions import end_session, session_mark
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

LIMIT = 256 << 20
POLICY = """[[policy]]
name = "bursts"
match.comm = "{comm}"
capture = false
fuse = {{ bound = "100MiB", then = "{then}" }}
"""


def options(folder: Path, comm: str, then: str) -> tuple[str, ...]:
    policy = folder / "policy.toml"
    policy.write_text(POLICY.format(comm=comm, then=then))
    return ("--config", str(policy), "--audit", str(folder / "audit.jsonl"))


def test_json_lines_follow_their_contract(tmp_path: Path) -> None:
    comm = unique_comm()
    with (
        memory_cgroup() as group,
        Watch(*options(tmp_path, comm, "thaw")) as watch,
        Workload(comm, cgroup=group) as workload,
    ):
        group.limit(LIMIT)
        workload.do("map 140MiB")
        workload.do("touch 0")  # stopped at 100 MiB, resumed, and not stopped below 178
        watch.wait_for(lambda record: record.get("event") == "thawed", SECONDS)
        ended = watch.stop()
    assert_contract(ended)
    stopped, thawed = ended.of_type("fuse")
    assert (stopped["event"], thawed["event"]) == ("stopped", "thawed")
    assert stopped["pid"] == thawed["pid"] == workload.pid
    assert stopped["limit_bytes"] == LIMIT
    assert stopped["bound_bytes"] == 100 << 20
    assert stopped["stopped_ns"] == 0
    assert 0 < thawed["stopped_ns"] <= thawed["monotonic_ns"] - ended.records[0]["monotonic_ns"]
    assert stopped["bound_bytes"] < thawed["next_bound_bytes"] < LIMIT


def test_log_has_a_line_for_each_event_and_a_count_at_its_end(tmp_path: Path) -> None:
    comm, mark = unique_comm(), session_mark()
    log = tmp_path / "log"
    with (
        memory_cgroup() as group,
        Workload(comm, cgroup=group) as workload,
        log.open("wb") as out,
    ):
        group.limit(LIMIT)
        argv = [sys.executable, "-m", "ebpftrace", "watch", "--output", "plain"]
        watch = subprocess.Popen(
            [*argv, *options(tmp_path, comm, "kill")],
            stdin=subprocess.DEVNULL,
            stdout=out,
            cwd=ROOT,
            env={**os.environ, **mark},
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + SECONDS
            while log.read_text().count("\nsnapshot ") < 2:  # the bounds are set between
                assert time.monotonic() < deadline
                time.sleep(0.02)
            workload.do("map 200MiB")
            workload.send("touch 0")
            assert workload.wait(SECONDS) == -signal.SIGKILL
            watch.send_signal(signal.SIGINT)
            watch.wait(SECONDS)
        finally:
            end_session(watch, mark)
    lines = log.read_text().splitlines()
    assert max(map(len, lines)) <= 80
    first, second, count = (line for line in lines if line.startswith("fuse "))
    assert " stopped in ebpftrace-" in first
    assert " ended in ebpftrace-" in second
    assert count == "fuse     1 stopped (1 ended)"
