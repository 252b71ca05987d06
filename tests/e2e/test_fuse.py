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
from tests.support.patience import patient
from tests.support.records import Watch
from tests.support.standing import stands, state
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

MIB = 1 << 20
LIMIT = 400 * MIB
RUNAWAY = "map 900MiB; touch 0"


def fused(tmp_path: Path, text: str) -> tuple[str, ...]:
    """A policy file for comm `fused` with these lines, as options of a watch."""
    file = tmp_path / "policy.toml"
    file.write_text(f'[[policy]]\nname = "fuse"\nmatch.comm = "fused"\n{text}\n')
    return ("--config", str(file))


def watching(folder: Path, *options: str) -> Watch:
    return watch_acting(folder, *options, comm="fused")


def run_away(workload: Workload) -> None:
    workload.do("map 900MiB")
    workload.send("touch 0")


def told(watch: Watch, event: str, pid: int = 0) -> dict[str, Any]:
    """The next word of that kind; of this process."""
    return watch.wait_for(
        lambda one: (
            one["type"] == "fuse" and one["event"] == event and (not pid or one["pid"] == pid)
        ),
        SECONDS,
    )


def limited(group: MemoryCgroup) -> MemoryCgroup:
    group.limit(LIMIT)
    return group


def test_a_runaway_is_stopped_its_evidence_saved_and_ended(tmp_path: Path) -> None:
    with (
        memory_cgroup() as group,
        watching(tmp_path, "--fuse", "90%") as watch,
        Workload("fused", cgroup=limited(group)) as workload,
    ):
        run_away(workload)
        assert workload.wait() == -signal.SIGKILL
        outcome = watch.wait_for(is_type("outcome"), SECONDS)
        assert group.oom_kills() == 0
    (stopped,) = [one for one in of_type(watch, "fuse") if one["event"] == "stopped"]
    assert stopped["pid"] == workload.pid
    assert stopped["limit_bytes"] == LIMIT
    assert stopped["bound_bytes"] <= 0.9 * LIMIT
    assert 0 <= stopped["measured_bytes"] - stopped["bound_bytes"] <= MIB
    assert stopped["next_steps"] == "capture, then SIGKILL"
    finding = next(one for one in of_type(watch, "finding") if one["detector"] == "fuse")
    assert finding["severity"] == "critical"
    steps = [(one["action"], one["status"]) for one in of_type(watch, "step")]
    assert steps == [("capture", "done"), ("signal", "done")]
    assert outcome["helped"], outcome
    manifest = json.loads((Path(outcome["evidence"]) / "manifest.json").read_bytes())
    assert manifest["complete"]
    assert "T (stopped)" in (Path(outcome["evidence"]) / "process-status").read_text()
    shutil.rmtree(outcome["evidence"])
    assert [one["event"] for one in logged(tmp_path) if one["type"] == "fuse"] == [
        "stopped", "ended",
    ]  # fmt: skip


def test_a_hook_reads_proc_of_one_that_stands(tmp_path: Path) -> None:
    hook = (
        f'grep -E "^(State|RssAnon)" "/proc/$EBPFTRACE_PID/status" >{tmp_path}/hooked; '
        f'wc -c <"/proc/$EBPFTRACE_PID/maps" >>{tmp_path}/hooked'
    )
    options = ("--fuse", "200MiB", "--on-breach", hook)
    with (
        memory_cgroup() as group,
        watching(tmp_path, *options) as watch,
        Workload("fused", cgroup=limited(group)) as workload,
    ):
        run_away(workload)
        watch.wait_for(is_step("shell"), SECONDS)
    state, held, maps = (tmp_path / "hooked").read_text().splitlines()
    assert "T (stopped)" in state
    assert 200 * MIB <= int(held.split()[1]) * 1024 <= 201 * MIB
    assert int(maps) > 100


def test_let_go_it_is_stopped_again_higher_up(tmp_path: Path) -> None:
    options = fused(tmp_path, 'capture = false\nfuse = { bound = "50%", then = "thaw" }')
    with (
        memory_cgroup() as group,
        watching(tmp_path, *options) as watch,
        Workload("fused", cgroup=limited(group)) as workload,
    ):
        workload.do("map 260MiB")
        workload.do("touch 0")
        thawed = told(watch, "thawed")
        assert state(workload.pid) not in ("T", "")
        assert 200 * MIB < thawed["next_bound_bytes"] < LIMIT
        workload.do("map 900MiB")
        workload.send("touch 1")
        again = watch.wait_for(
            lambda one: (
                one.get("event") == "stopped"
                and one["bound_bytes"] == thawed["next_bound_bytes"]
            ),
            SECONDS,
        )
        assert again["measured_bytes"] > 260 * MIB


def test_killed_at_the_bound_where_the_policy_says_so(tmp_path: Path) -> None:
    options = fused(tmp_path, 'fuse = { bound = "50%", action = "kill" }')
    with (
        memory_cgroup() as group,
        watching(tmp_path, *options) as watch,
        Workload("fused", cgroup=limited(group)) as workload,
    ):
        run_away(workload)
        assert workload.wait() == -signal.SIGKILL
        killed = told(watch, "killed")
        assert group.oom_kills() == 0
    assert killed["pid"] == workload.pid
    assert killed["measured_bytes"] - killed["bound_bytes"] <= MIB
    assert not of_type(watch, "step")


def test_of_a_job_the_one_that_grew_most_is_ended_and_the_others_go_on(tmp_path: Path) -> None:
    with (
        memory_cgroup() as group,
        watching(tmp_path, "--fuse", "75%") as watch,
        Workload("fused", cgroup=limited(group)) as large,
        Workload("fused", cgroup=group) as small,
    ):
        large.do("map 250MiB")
        large.do("touch 0")
        small.do("map 60MiB")
        small.send("touch 0")  # the sum crosses with a page of this one
        stopped = told(watch, "stopped")
        assert stopped["pid"] == small.pid
        told(watch, "thawed", small.pid)
        assert large.wait() == -signal.SIGKILL
        small.answer()
        ended = watch.wait_for(is_step("signal"), SECONDS)
        assert ended["pid"] == large.pid
        assert group.oom_kills() == 0


def test_who_rests_is_not_ended_for_who_runs_away(tmp_path: Path) -> None:
    """It gained more within the last minute, and is none the less nobody's runaway."""
    with (
        memory_cgroup() as group,
        watching(tmp_path, "--fuse", "75%") as watch,
        Workload("fused", cgroup=limited(group)) as rests,
        Workload("fused", cgroup=group) as runs,
    ):
        rests.do("map 200MiB")
        rests.do("touch 0")
        time.sleep(3)
        run_away(runs)
        assert runs.wait() == -signal.SIGKILL
        rests.do("look 0")  # it answers
        assert group.oom_kills() == 0
    assert {one["pid"] for one in of_type(watch, "step")} == {runs.pid}


def test_two_runs_in_one_cgroup_have_each_its_bound(tmp_path: Path) -> None:
    runs = [{"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": str(n)} for n in (1, 2)]
    with (
        memory_cgroup() as group,
        watching(tmp_path, "--fuse", "200MiB") as watch,
        Workload("fused", cgroup=limited(group), environment=runs[0]) as one,
        Workload("fused", cgroup=group, environment=runs[1]) as other,
    ):
        for workload in (one, other):
            workload.do("map 300MiB")
            workload.do("touch 0 0 150MiB")
        assert not of_type(watch, "fuse")
        other.send("touch 0")
        assert other.wait() == -signal.SIGKILL
        stopped = told(watch, "stopped")
        assert stopped["pid"] == other.pid
        one.do("look 0")


def test_where_the_budget_is_spent_it_goes_on_and_that_is_said(tmp_path: Path) -> None:
    options = fused(tmp_path, 'capture = false\nfuse = "50%"\nbudget = { restarts = 0 }')
    with (
        memory_cgroup() as group,
        watching(tmp_path, *options) as watch,
        Workload("fused", cgroup=limited(group)) as workload,
    ):
        workload.do("map 220MiB")
        workload.do("touch 0")
        outcome = watch.wait_for(is_type("outcome"), SECONDS)
        assert "budget" in outcome["sentence"]
        told(watch, "thawed")
        assert state(workload.pid) not in ("T", "")


def test_it_holds_with_the_watch_stopped_for_five_seconds(tmp_path: Path) -> None:
    with (
        memory_cgroup() as group,
        watching(tmp_path, "--fuse", "90%") as watch,
        Workload("fused", cgroup=limited(group)) as workload,
    ):
        watch.wait_for(lambda one: one.get("pid") == workload.pid, SECONDS)
        os.kill(watch.pid, signal.SIGSTOP)
        try:
            run_away(workload)
            time.sleep(5)
            assert stands(workload.pid)
            assert group.oom_kills() == 0
        finally:
            os.kill(watch.pid, signal.SIGCONT)
        assert workload.wait() == -signal.SIGKILL
        assert group.oom_kills() == 0


@contextmanager
def every_processor_busy() -> Iterator[None]:
    spin = [sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(spin) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        yield
    finally:
        for one in busy:
            one.kill()
            one.wait()


def test_it_holds_with_every_processor_busy(tmp_path: Path) -> None:
    with (
        memory_cgroup() as group,
        watching(tmp_path, "--fuse", "90%"),
        every_processor_busy(),  # the start of the watch is not what is asked about
        Workload("fused", cgroup=limited(group)) as workload,
    ):
        run_away(workload)
        assert workload.wait() == -signal.SIGKILL
        assert group.oom_kills() == 0


def test_the_end_of_the_watch_lets_go_who_stands(tmp_path: Path) -> None:
    options = ("--fuse", "100MiB", "--on-breach", "sleep 60")
    with memory_cgroup() as group, Workload("fused", cgroup=limited(group)) as workload:
        with watching(tmp_path, *options) as watch:
            workload.do("map 150MiB")
            workload.send("touch 0")
            told(watch, "stopped")
            assert stands(workload.pid)
        assert of_type(watch, "fuse")[-1]["event"] == "thawed"
        workload.answer()


def test_thawed_by_hand_it_goes_on_and_its_incident_is_called_off(tmp_path: Path) -> None:
    runs = {"EBPFTRACE_RUN_DIR": str(tmp_path / "run")}
    options = ("--fuse", "100MiB", "--on-breach", "sleep 60")
    audit = ("--audit", str(tmp_path / "audit.jsonl"))
    watch = Watch("--comm", "fused", "--interval", "200ms", *audit, *options, environment=runs)
    with memory_cgroup() as group, watch, Workload("fused", cgroup=limited(group)) as workload:
        workload.do("map 110MiB")
        workload.send("touch 0")
        told(watch, "stopped")
        watch.wait_for(is_type("step"), SECONDS)  # the evidence; the hook runs
        assert stands(workload.pid)
        done = ebpftrace("thaw", str(workload.pid), environment=runs)
        assert done.returncode == 0, done.stderr
        assert f"fused {workload.pid} was resumed after" in done.stdout
        workload.answer()
        outcome = watch.wait_for(is_type("outcome"), SECONDS)
        assert outcome["canceled"]
        assert ebpftrace("thaw", str(workload.pid), environment=runs).returncode == 9


def test_a_bound_holds_for_one_that_came_a_moment_ago(tmp_path: Path) -> None:
    """A policy for some jobs only: no process has its bound from the first page on."""
    options = fused(tmp_path, 'capture = false\nfuse = "50%"\nmatch.cgroup = ["*"]')
    slow = ("--audit", str(tmp_path / "audit.jsonl"), "--interval", "60s")
    with (
        memory_cgroup() as group,
        Watch("--comm", "fused", *slow, *options),
        Workload("fused", cgroup=limited(group)) as workload,
    ):
        time.sleep(patient(1))  # nothing tells that it is armed, and no snapshot comes
        run_away(workload)
        assert workload.wait() == -signal.SIGKILL
        assert group.oom_kills() == 0


def test_each_that_crosses_a_bound_of_its_own_is_acted_on(tmp_path: Path) -> None:
    options = fused(tmp_path, 'capture = false\nfuse = { bound = "60MiB", of = "process" }')
    with (
        memory_cgroup() as group,
        watching(tmp_path, *options),
        Workload("fused", cgroup=limited(group)) as one,
        Workload("fused", cgroup=group) as other,
    ):
        for workload in (one, other):
            workload.do("map 150MiB")
            workload.send("touch 0")
        assert one.wait() == other.wait() == -signal.SIGKILL
        assert group.oom_kills() == 0
