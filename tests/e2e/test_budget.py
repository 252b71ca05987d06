"""Budget and cool-down over SIGHUP, a restart, a kill in the middle, and a clock that jumps."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.support.acting import SECONDS, is_step, is_type, logged, policy, watching
from tests.support.build import jump_library
from tests.support.cgroups import MemoryCgroup, memory_cgroup, write
from tests.support.records import Record, Watch, run
from tests.support.respawn import COMM, respawned
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

DAY = 24 * 3600
RESTS = "the job is in its cool-down"


def suppressed(folder: Path, since_ns: int) -> Record:
    """What is said to the audit log after this moment of CLOCK_BOOTTIME."""
    deadline = time.monotonic() + SECONDS
    while True:
        for line in logged(folder, "suppressed"):
            if line["boottime_ns"] > since_ns:
                return line
        assert time.monotonic() < deadline, logged(folder)
        time.sleep(0.05)


def boottime_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def test_a_job_rests_over_sighup_and_a_restart(tmp_path: Path) -> None:
    hook = f'echo "$EBPFTRACE_PID" >>{tmp_path}/hooked; kill -KILL "$EBPFTRACE_PID"'
    file = policy(
        tmp_path,
        'cooldown = "1h"',
        then="{ action = \"shell\", line = '''" + hook + "'''}",
    )
    with memory_cgroup() as group, respawned(group, calm_seconds=4.5):
        with watching(tmp_path, "--config", str(file)) as first:
            assert first.wait_for(is_type("outcome"), SECONDS)["helped"]
            file.write_text(file.read_text().replace("leaks", "renamed"))
            first.process.send_signal(signal.SIGHUP)
            first.wait_for(lambda one: one.get("text") == "1 policy reloaded", SECONDS)
            found = suppressed(tmp_path, boottime_ns())
            assert (found["policy"], found["reason"]) == (
                "renamed",
                RESTS,
            )
        began = boottime_ns()
        with watching(tmp_path, "--config", str(file)):
            assert suppressed(tmp_path, began)["reason"] == RESTS
    assert len((tmp_path / "hooked").read_text().split()) == 1


def test_killed_while_a_hook_runs_it_is_paid_for_and_rested_after(tmp_path: Path) -> None:
    hook = f"echo $$ >{tmp_path}/hook.new; mv {tmp_path}/hook.new {tmp_path}/hook; sleep 300"
    file = policy(tmp_path, 'cooldown = "1h"', then=f"{{ action = 'shell', line = '{hook}' }}")
    with memory_cgroup() as group, Workload(COMM, cgroup=group) as leaky:
        with watching(tmp_path, "--config", str(file)) as first:
            first.next_snapshot()
            leaky.do("map 300MiB")
            leaky.do("touch 0 0 100MiB")
            deadline = time.monotonic() + SECONDS
            while not (tmp_path / "hook").exists():
                assert time.monotonic() < deadline, first.stderr()
                time.sleep(0.01)
            first.wait_for(is_step("capture"), SECONDS)  # its sync may end after that
            first.process.kill()
            first.process.wait()
        hook_pid = int((tmp_path / "hook").read_text())
        os.killpg(hook_pid, signal.SIGKILL)  # it leads a session of its own
        began = boottime_ns()
        with watching(tmp_path, "--config", str(file)) as second:
            second.next_snapshot()
            leaky.do("touch 0")
            assert suppressed(tmp_path, began)["reason"] == RESTS
    lines = (tmp_path / "audit.jsonl").read_text().splitlines()
    kinds = [json.loads(line)["type"] for line in lines]
    assert sorted(kinds[:4]) == ["incident", "step", "step_started", "step_started"]
    assert kinds[4:] == ["abandoned", "suppressed"]
    shown = run("audit", str(tmp_path / "audit.jsonl")).stdout
    assert "abandoned: ebpftrace ended before the incident did" in shown


def test_no_jump_of_the_clock_frees_a_job(tmp_path: Path) -> None:
    """Three days ahead while it rests, and three back at the next start."""
    file = policy(
        tmp_path, 'cooldown = "1h"', then='{ action = "signal" }',
        when='{ detector = "level", bound = "64MiB" }',
    )  # fmt: skip
    jump, audit = tmp_path / "jump", str(tmp_path / "audit.jsonl")
    moved = {"LD_PRELOAD": str(jump_library()), "EBPFTRACE_TEST_JUMP": str(jump)}
    options = ("--comm", COMM, "--interval", "200ms", "--config", str(file), "--audit", audit)
    with memory_cgroup() as group:
        with Watch(*options, environment=moved) as first:
            with Workload(COMM, cgroup=group) as leaky:
                first.next_snapshot()
                leaky.do("map 100MiB")
                leaky.send("touch 0")
                assert leaky.wait() == -signal.SIGTERM
            with Workload(COMM, cgroup=group):
                assert first.wait_for(is_type("outcome"), SECONDS)["helped"]
                rested_through(jump, 3 * DAY, group, tmp_path)
        jump.write_text(str(-3 * DAY))
        with Watch(*options, environment=moved):
            rested_through(jump, -3 * DAY, group, tmp_path)
    assert len(logged(tmp_path, "incident")) == 1


def test_a_cgroup_made_anew_by_its_supervisor_frees_no_job(tmp_path: Path) -> None:
    """`docker restart`: the container's id and path stay, and its cgroup is another.

    Twice it may be ended; the third is left alone, by the next ebpftrace too.
    """
    file = policy(
        tmp_path, 'cooldown = "0s"', 'budget = { restarts = 2, window = "1h" }',
        then='{ action = "signal", send = ["KILL"] }',
        when='{ detector = "level", bound = "64MiB" }',
    )  # fmt: skip
    container = "docker/" + "5e" * 32
    with memory_cgroup() as parent:
        path = parent.path / container
        path.parent.mkdir()
        if parent.version == 2:
            for folder in (parent.path, path.parent):
                write(folder / "cgroup.subtree_control", "+memory")
        inodes, incidents = set(), 0
        for restarts in (2, 1):
            with watching(tmp_path, "--config", str(file)) as watch:
                watch.next_snapshot()
                for _ in range(restarts):
                    path.mkdir()
                    group = MemoryCgroup(path, parent.version)
                    inodes.add(group.id)
                    with Workload(COMM, cgroup=group) as leaky:
                        leaky.do("map 100MiB")
                        leaky.send("touch 0")
                        since, incidents = len(watch.records), incidents + 1
                        if incidents <= 2:
                            assert leaky.wait() == -signal.SIGKILL
                        outcome = watch.wait_for(is_type("outcome"), SECONDS, since=since)
                        if incidents == 3:
                            assert "budget spent" in outcome["sentence"]
                            leaky.answer()
                            assert leaky.do("map 1MiB")
                    group.remove()
    found = logged(tmp_path, "incident")
    assert len(inodes) == len(found) == 3
    assert len({one["facts"]["job_key"] for one in found}) == 3
    assert {one["facts"]["job_kind"] for one in found} == {"docker"}
    assert len({one["account"] for one in found}) == 1


def rested_through(jump: Path, seconds: int, group: MemoryCgroup, folder: Path) -> None:
    """Another grows as far, after the jump: it is left alone, and the log has that time."""
    jump.write_text(str(seconds), encoding="utf-8")
    began, expected_ns = boottime_ns(), time.time_ns() + seconds * 1_000_000_000
    with Workload(COMM, cgroup=group) as another:
        another.do("map 100MiB")
        another.do("touch 0")
        line = suppressed(folder, began)
        assert line["reason"] == RESTS
        assert 0 <= line["unix_ns"] - expected_ns < 3600 * 1_000_000_000
        assert another.do("map 1MiB")
