"""A process that ignores TERM and grows on: the next signal comes before the limit."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.acting import SECONDS, is_step, is_type, policy, watching
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.names import unique_comm
from tests.support.records import Record
from tests.support.sessions import end_session, session_mark
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

MIB = 1 << 20
LIMIT = 300 * MIB
LEVEL = '{ detector = "level", bound = "60%" }'


@contextmanager
def stubborn(group: MemoryCgroup, comm: str) -> Iterator[int]:
    """A process of this name that ignores TERM and gains 20 MiB a second; its pid."""
    program = Workload(comm)  # its file is removed with it
    mark = session_mark()
    process = group.run(
        ["sh", "-c", "trap '' TERM; exec \"$0\" --do 'grow 20MiB 600MiB'", program.program],
        env={**os.environ, **mark},
        start_new_session=True,
    )
    try:
        yield process.pid
    finally:
        end_session(process, mark)


class Taken(NamedTuple):
    """What the watch wrote of a stubborn process that took its limit, and the kills there."""

    name: str
    step: Record
    outcome: Record
    oom_kills: int


def taken(folder: Path, then: str) -> Taken:
    comm = unique_comm()
    file = policy(folder, when=LEVEL, then=then, comm=comm)
    with (
        memory_cgroup() as group,
        watching(folder, "--config", str(file), comm=comm) as watch,
    ):
        group.limit(LIMIT)
        watch.next_snapshot()
        with stubborn(group, comm) as pid:
            step = watch.wait_for(is_step("signal"), SECONDS)
            outcome = watch.wait_for(is_type("outcome"), SECONDS)
        return Taken(f"{comm} {pid}", step, outcome, group.oom_kills())


def test_a_grace_is_cut_short_before_the_limit_is_reached(tmp_path: Path) -> None:
    name, step, outcome, kills = taken(tmp_path, '{ action = "signal", grace = "18s" }')
    assert kills == 0
    assert step["status"] == "done", step
    assert step["detail"].startswith(f"{name} ended by KILL after ")
    assert step["detail"].endswith(", sooner since the limit was near")
    assert outcome["helped"], outcome


def test_the_oom_killer_that_was_first_is_named(tmp_path: Path) -> None:
    then = '{ action = "signal", send = ["TERM"], grace = "50s", timeout = "55s" }'
    name, step, outcome, kills = taken(tmp_path, then)
    assert kills == 1
    sentence = f"{name} was killed by the OOM killer while it had TERM"
    assert step["status"] == "failed", step
    assert step["detail"].startswith(f"{sentence}, after ")
    assert not outcome["helped"]
    assert sentence in outcome["sentence"]


LEAVES_A_FILE = """
import os, signal, sys, time
comm, file = sys.argv[1:]
def end(*_):
    with open(file, "wb") as left:
        for _ in range(100):
            left.write(b"x" * (1 << 20))
    os._exit(0)
signal.signal(signal.SIGTERM, end)
with open("/proc/self/comm", "w") as name:
    name.write(comm)
held = bytearray(b"x") * (100 << 20)
while True:
    time.sleep(60)
"""


def test_a_process_that_leaves_a_file_of_its_size_was_no_help(tmp_path: Path) -> None:
    """It is gone, no successor comes, and the job holds what it held: the next step runs."""
    comm, next_step = unique_comm(), tmp_path / "next"
    then = f"{{ action = 'signal' }}, {{ action = 'shell', line = 'touch {next_step}' }}"
    when = '{ detector = "level", bound = "90MiB" }'
    file = policy(tmp_path, when=when, then=then, comm=comm)
    left = Path(f"/dev/shm/ebpftrace-test-{os.getpid()}")
    with (
        memory_cgroup() as group,
        watching(tmp_path, "--config", str(file), comm=comm) as watch,
    ):
        group.limit(LIMIT)
        watch.next_snapshot()
        mark = session_mark()
        argv: list[str | Path] = [sys.executable, "-c", LEAVES_A_FILE, comm, left]
        process = group.run(argv, env={**os.environ, **mark}, start_new_session=True)
        try:
            step = watch.wait_for(is_step("signal"), SECONDS)
            outcome = watch.wait_for(is_type("outcome"), SECONDS)
        finally:
            end_session(process, mark)
            left.unlink(missing_ok=True)
    assert step["status"] == "done", step
    assert "ended by TERM" in step["detail"]
    assert next_step.exists()
    assert not outcome["helped"]
    assert f"{comm} {process.pid} is gone, but memory did not come down" in outcome["sentence"]
