"""A runaway in a limited cgroup, and the fuse that stops it, as users run it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.acting import SECONDS, is_step, is_type, logged, of_type
from tests.support.acting import watching as watch_acting
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.cli import ebpftrace
from tests.support.names import unique_comm
from tests.support.patience import patient
from tests.support.process_state import state, stops
from tests.support.records import Watch
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

MIB = 1 << 20
LIMIT = 400 * MIB
RUNAWAY = "map 900MiB; touch 0"

COMM = unique_comm()  # a watch of a test that runs at once acts on none of these


def fused(tmp_path: Path, text: str) -> tuple[str, ...]:
    """A policy file for COMM with these lines, as options of a watch."""
    file = tmp_path / "policy.toml"
    file.write_text(f'[[policy]]\nname = "fuse"\nmatch.comm = "{COMM}"\n{text}\n')
    return ("--config", str(file))


def watching(folder: Path, *options: str) -> Watch:
    return watch_acting(folder, *options, comm=COMM)


PENDING = f"ShdPnd:\t{1 << signal.SIGSTOP - 1:016x}"


def run_away(workload: Workload) -> None:
    workload.do("map 900MiB")
    workload.send("touch 0")


def wait_for_event(watch: Watch, event: str, pid: int = 0) -> dict[str, Any]:
    """The next fuse event of this kind, of this process if one is given."""
    return watch.wait_for(
        lambda record: (
            record["type"] == "fuse"
            and record["event"] == event
            and (not pid or record["pid"] == pid)
        ),
        SECONDS,
    )


def limited(group: MemoryCgroup) -> MemoryCgroup:
    group.limit(LIMIT)
    return group


def test_runaway_is_stopped_its_evidence_saved_and_ended(tmp_path: Path) -> None:
    with (
        memory_cgroup() as group,
        watching(tmp_path, "--fuse", "90%") as watch,
        Workload(COMM, cgroup=limited(group)) as workload,
    ):
        run_away(workload)
        assert workload.wait() == -signal.SIGKILL
        outcome = watch.wait_for(is_type("outcome"), SECONDS)
        assert group.oom_kills() == 0
    (stopped,) = [one for one in of_type(watch, "fuse") if one["event"] == "stopped"]
    assert stopped["pid"] == workload.pid
    assert stopped["limit_bytes"] == LIMIT
    # The bound of the charge has a little page cache on top.
    assert stopped["bound_bytes"] <= 0.9 * LIMIT + 4 * MIB
    assert 0 <= stopped["measured_bytes"] - stopped["bound_bytes"] <= MIB
    assert stopped["next_steps"] == "capture, then SIGKILL"
    finding = next(one for one in of_type(watch, "finding") if one["detector"] == "fuse")
    assert finding["severity"] == "critical"
    steps = [(one["action"], one["status"]) for one in of_type(watch, "step")]
    assert steps == [("capture", "done"), ("signal", "done")]
    assert outcome["helped"], outcome
    manifest = json.loads((Path(outcome["evidence"]) / "manifest.json").read_bytes())
    assert manifest["complete"]
    status = (Path(outcome["evidence"]) / "process-status").read_text()
    assert "T (stopped)" in status or PENDING in status  # it waits for a processor
    shutil.rmtree(outcome["evidence"])
    assert [one["event"] for one in logged(tmp_path) if one["type"] == "fuse"] == [
        "stopped", "ended",
    ]  # fmt: skip


def test_hook_reads_proc_of_a_stopped_process(tmp_path: Path) -> None:
    hook = (
        f'grep -E "^(State|RssAnon)" "/proc/$EBPFTRACE_PID/status" >{tmp_path}/hooked; '
        f'wc -c <"/proc/$EBPFTRACE_PID/maps" >>{tmp_path}/hooked'
    )
    options = ("--fuse", "200MiB", "--on-breach", hook)
    with (
        memory_cgroup() as group,
        watching(tmp_path, *options) as watch,
        Workload(COMM, cgroup=limited(group)) as workload,
    ):
        run_away(workload)
        watch.wait_for(is_step("shell"), SECONDS)
    state, held, maps = (tmp_path / "hooked").read_text().splitlines()
    assert "T (stopped)" in state
    assert 200 * MIB <= int(held.split()[1]) * 1024 <= 201 * MIB
    assert int(maps) > 100


def test_thawed_process_is_stopped_again_at_a_higher_bound(tmp_path: Path) -> None:
    options = fused(tmp_path, 'capture = false\nfuse = { bound = "50%", then = "thaw" }')
    with (
        memory_cgroup() as group,
        watching(tmp_path, *options) as watch,
        Workload(COMM, cgroup=limited(group)) as workload,
    ):
        workload.do("map 260MiB")
        workload.do("touch 0")
        thawed = wait_for_event(watch, "thawed")
        assert state(workload.pid) not in ("T", "")
        assert 200 * MIB < thawed["next_bound_bytes"] < LIMIT
        workload.do("map 900MiB")
        workload.send("touch 1")
        again = watch.wait_for(
            lambda one: (
                one.get("event") == "stopped"
                # By each snapshot anew: what other processes and the kernel take counts.
                and abs(one["bound_bytes"] - thawed["next_bound_bytes"]) < 16 * MIB
            ),
            SECONDS,
        )
        assert again["measured_bytes"] > 260 * MIB


def test_process_is_killed_at_the_bound_if_the_policy_says_so(tmp_path: Path) -> None:
    options = fused(tmp_path, 'fuse = { bound = "50%", action = "kill" }')
    with (
        memory_cgroup() as group,
        watching(tmp_path, *options) as watch,
        Workload(COMM, cgroup=limited(group)) as workload,
    ):
        run_away(workload)
        assert workload.wait() == -signal.SIGKILL
        killed = wait_for_event(watch, "killed")
        assert group.oom_kills() == 0
    assert killed["pid"] == workload.pid
    assert killed["measured_bytes"] - killed["bound_bytes"] <= MIB
    assert not of_type(watch, "step")


def test_process_that_grew_most_is_ended_and_the_others_are_resumed(tmp_path: Path) -> None:
    with (
        memory_cgroup() as group,
        watching(tmp_path, "--fuse", "75%") as watch,
        Workload(COMM, cgroup=limited(group)) as large,
        Workload(COMM, cgroup=group) as small,
    ):
        large.do("map 250MiB")
        large.do("touch 0")
        small.do("map 60MiB")
        small.send("touch 0")  # the sum crosses with a page of this one
        stopped = wait_for_event(watch, "stopped")
        assert stopped["pid"] == small.pid
        wait_for_event(watch, "thawed", small.pid)
        assert large.wait() == -signal.SIGKILL
        small.answer()
        ended = watch.wait_for(is_step("signal"), SECONDS)
        assert ended["pid"] == large.pid
        assert group.oom_kills() == 0


def test_idle_process_is_not_ended_for_a_runaway(tmp_path: Path) -> None:
    """Even if it grew more within the last minute."""
    with (
        memory_cgroup() as group,
        watching(tmp_path, "--fuse", "75%") as watch,
        Workload(COMM, cgroup=limited(group)) as idle,
        Workload(COMM, cgroup=group) as runaway,
    ):
        idle.do("map 200MiB")
        idle.do("touch 0")
        time.sleep(3)
        run_away(runaway)
        assert runaway.wait() == -signal.SIGKILL
        idle.do("look 0")  # it answers
        assert group.oom_kills() == 0
    assert {one["pid"] for one in of_type(watch, "step")} == {runaway.pid}


def test_each_ci_job_in_a_shared_cgroup_has_its_own_bound(tmp_path: Path) -> None:
    runs = [{"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": str(n)} for n in (1, 2)]
    with (
        memory_cgroup() as group,
        watching(tmp_path, "--fuse", "200MiB") as watch,
        Workload(COMM, cgroup=limited(group), environment=runs[0]) as one,
        Workload(COMM, cgroup=group, environment=runs[1]) as other,
    ):
        for workload in (one, other):
            workload.do("map 300MiB")
            workload.do("touch 0 0 150MiB")
        assert not of_type(watch, "fuse")
        other.send("touch 0")
        assert other.wait() == -signal.SIGKILL
        stopped = wait_for_event(watch, "stopped")
        assert stopped["pid"] == other.pid
        one.do("look 0")


def test_stopped_process_is_resumed_when_the_budget_is_spent(tmp_path: Path) -> None:
    options = fused(tmp_path, 'capture = false\nfuse = "50%"\nbudget = { restarts = 0 }')
    with (
        memory_cgroup() as group,
        watching(tmp_path, *options) as watch,
        Workload(COMM, cgroup=limited(group)) as workload,
    ):
        workload.do("map 220MiB")
        workload.do("touch 0")
        outcome = watch.wait_for(is_type("outcome"), SECONDS)
        assert "budget" in outcome["sentence"]
        wait_for_event(watch, "thawed")
        assert state(workload.pid) not in ("T", "")


def test_process_is_stopped_while_the_watch_is_stopped(tmp_path: Path) -> None:
    with (
        memory_cgroup() as group,
        watching(tmp_path, "--fuse", "90%") as watch,
        Workload(COMM, cgroup=limited(group)) as workload,
    ):
        watch.wait_for(lambda one: one.get("pid") == workload.pid, SECONDS)
        os.kill(watch.pid, signal.SIGSTOP)
        try:
            run_away(workload)
            time.sleep(5)
            assert stops(workload.pid)
            assert group.oom_kills() == 0
        finally:
            os.kill(watch.pid, signal.SIGCONT)
        assert workload.wait() == -signal.SIGKILL
        assert group.oom_kills() == 0


@contextmanager
def every_cpu_busy() -> Iterator[None]:
    spin = [sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(spin) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def test_process_is_stopped_while_every_cpu_is_busy(tmp_path: Path) -> None:
    with (
        memory_cgroup() as group,
        watching(tmp_path, "--fuse", "90%"),
        every_cpu_busy(),  # the watch starts before
        Workload(COMM, cgroup=limited(group)) as workload,
    ):
        run_away(workload)
        assert workload.wait() == -signal.SIGKILL
        assert group.oom_kills() == 0


def test_end_of_the_watch_resumes_stopped_processes(tmp_path: Path) -> None:
    options = ("--fuse", "100MiB", "--on-breach", "sleep 60")
    with memory_cgroup() as group, Workload(COMM, cgroup=limited(group)) as workload:
        with watching(tmp_path, *options) as watch:
            workload.do("map 150MiB")
            workload.send("touch 0")
            wait_for_event(watch, "stopped")
            assert stops(workload.pid)
        assert of_type(watch, "fuse")[-1]["event"] == "thawed"
        workload.answer()


def test_thaw_command_resumes_the_process_and_cancels_its_incident(tmp_path: Path) -> None:
    runs = {"EBPFTRACE_RUN_DIR": str(tmp_path / "run")}
    options = ("--fuse", "100MiB", "--on-breach", "sleep 60")
    audit = ("--audit", str(tmp_path / "audit.jsonl"))
    watch = Watch("--comm", COMM, "--interval", "200ms", *audit, *options, environment=runs)
    with memory_cgroup() as group, watch, Workload(COMM, cgroup=limited(group)) as workload:
        workload.do("map 110MiB")
        workload.send("touch 0")
        wait_for_event(watch, "stopped")
        watch.wait_for(is_type("step"), SECONDS)  # the evidence; the hook runs
        assert stops(workload.pid)
        done = ebpftrace("thaw", str(workload.pid), environment=runs)
        assert done.returncode == 0, done.stderr
        assert f"{COMM} {workload.pid} was resumed after" in done.stdout
        workload.answer()
        outcome = watch.wait_for(is_type("outcome"), SECONDS)
        assert outcome["canceled"]
        assert ebpftrace("thaw", str(workload.pid), environment=runs).returncode == 9


def test_bound_holds_for_a_process_that_has_just_started(tmp_path: Path) -> None:
    """A policy for some jobs only: no process has its bound from the first page on."""
    options = fused(tmp_path, 'capture = false\nfuse = "50%"\nmatch.cgroup = ["*"]')
    slow = ("--audit", str(tmp_path / "audit.jsonl"), "--interval", "60s")
    with (
        memory_cgroup() as group,
        Watch("--comm", COMM, *slow, *options),
        Workload(COMM, cgroup=limited(group)) as workload,
    ):
        time.sleep(patient(3))  # no record shows that it is armed, and no snapshot comes
        run_away(workload)
        assert workload.wait() == -signal.SIGKILL
        assert group.oom_kills() == 0


def test_each_process_that_crosses_its_own_bound_is_ended(tmp_path: Path) -> None:
    options = fused(tmp_path, 'capture = false\nfuse = { bound = "60MiB", of = "process" }')
    with (
        memory_cgroup() as group,
        watching(tmp_path, *options),
        Workload(COMM, cgroup=limited(group)) as one,
        Workload(COMM, cgroup=group) as other,
    ):
        for workload in (one, other):
            workload.do("map 150MiB")
            workload.send("touch 0")
        assert one.wait() == other.wait() == -signal.SIGKILL
        assert group.oom_kills() == 0
