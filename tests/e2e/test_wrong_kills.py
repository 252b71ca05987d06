"""Processes that a watch with a policy never ends, whatever happens meanwhile.

Between the finding and the signal stops a hook that waits for the test: what happens in
between happens for certain.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.acting import SECONDS, is_step, is_type, logged, of_type, policy, watching
from tests.support.build import ROOT
from tests.support.cgroups import memory_cgroup
from tests.support.process_state import lives
from tests.support.records import Record, Watch, holds
from tests.support.respawn import COMM
from tests.support.reuse import reused
from tests.support.sessions import end_session, session_mark
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

MIB = 1 << 20
SIGNAL = '{ action = "signal", send = ["KILL"] }'


def holding_up(folder: Path) -> Path:
    """A policy whose signal waits until the test has made the file `go`."""
    hook = f"touch {folder}/hook; while ! [ -e {folder}/go ]; do sleep 0.02; done; exit 1"
    return policy(folder, then=f"{{ action = 'shell', line = '{hook}' }}, {SIGNAL}")


def breach(watch: Watch, folder: Path, leaky: Workload) -> None:
    """The process grows past its bound, and the hook waits."""
    watch.next_snapshot()
    leaky.do("map 100MiB")
    leaky.do("touch 0")
    deadline = time.monotonic() + SECONDS
    while not (folder / "hook").exists():
        assert time.monotonic() < deadline, watch.stderr()
        time.sleep(0.01)


def signalled(watch: Watch, folder: Path) -> Record:
    """How the signal ended, once the hook has resumed it."""
    (folder / "go").touch()
    return watch.wait_for(is_step("signal"), SECONDS)


def test_a_pid_that_another_has_by_now(tmp_path: Path) -> None:
    """Same pid, same name, same program, same cgroup: its start alone tells it apart."""
    file = holding_up(tmp_path)
    with memory_cgroup() as group, watching(tmp_path, "--config", str(file)) as watch:
        with Workload(COMM, cgroup=group) as leaky:
            breach(watch, tmp_path, leaky)
            program = tmp_path / COMM
            program.hardlink_to(leaky.program)
            pid = leaky.pid
            leaky.close_input()
        with reused(pid, [program, "--do", "map 8MiB"], group):
            step = signalled(watch, tmp_path)
            watch.wait_for(is_type("outcome"), SECONDS)
            assert lives(pid)
    assert step["status"] == "skipped"
    assert step["detail"] == (
        f"not signalled: {pid} has ended; its pid is another process's now"
    )


def test_one_that_ended_meanwhile(tmp_path: Path) -> None:
    file = holding_up(tmp_path)
    with memory_cgroup() as group, watching(tmp_path, "--config", str(file)) as watch:
        with Workload(COMM, cgroup=group) as leaky:
            breach(watch, tmp_path, leaky)
            leaky.close_input()
        step = signalled(watch, tmp_path)
    assert (step["status"], step["detail"]) == (
        "skipped", f"not signalled: {leaky.pid} has ended",
    )  # fmt: skip


def test_one_that_is_in_another_job_meanwhile(tmp_path: Path) -> None:
    file = holding_up(tmp_path)
    with (
        memory_cgroup() as group,
        memory_cgroup() as elsewhere,
        watching(tmp_path, "--config", str(file)) as watch,
        Workload(COMM, cgroup=group) as leaky,
    ):
        breach(watch, tmp_path, leaky)
        elsewhere.add(leaky.pid)
        step = signalled(watch, tmp_path)
        assert leaky.do("map 1MiB")
    assert step["status"] == "skipped"
    assert "moved to the cgroup" in step["detail"]


CALM_SECONDS = 3.0  # a signal would have come within milliseconds


def test_one_that_moved_before_it_grew(tmp_path: Path) -> None:
    """The kernel reports the breach before any snapshot has reported the move."""
    with memory_cgroup() as group, memory_cgroup() as elsewhere:
        file = policy(
            tmp_path,
            f'match.cgroup = "{group.name}"',
            when='{ detector = "level", bound = "64MiB", of = "process" }',
            then=SIGNAL,
        )
        audit = ("--audit", str(tmp_path / "audit.jsonl"))
        options = ("--comm", COMM, "--config", str(file), "--interval", "60s", *audit)
        with Workload(COMM, cgroup=group) as leaky, Watch(*options) as watch:
            watch.wait_for(holds(leaky.pid))  # the only snapshot there will be
            elsewhere.add(leaky.pid)
            leaky.do("map 100MiB")
            leaky.do("touch 0")
            until = time.monotonic() + CALM_SECONDS
            while time.monotonic() < until:
                leaky.do("look 0")  # EOFError if it was ended
                time.sleep(0.05)
            assert of_type(watch, "step") == []
    assert logged(tmp_path, "incident") == []


ITSELF = """
set -e
cd "$1"; shift
"$@" &
wait
"""


@pytest.mark.parametrize("comm", ["*", f"sh{os.getpid()}"], ids=["every process", "its name"])
def test_ebpftrace_and_its_ancestors(tmp_path: Path, comm: str) -> None:
    """A policy for every process of the cgroup, with a bound all are above."""
    shell = shutil.copy("/bin/sh", tmp_path / f"sh{os.getpid()}")
    with memory_cgroup() as group:
        file = policy(
            tmp_path,
            f'match.cgroup = "{group.name}"',
            when='{ detector = "level", bound = "4KiB", of = "process" }',
            then=SIGNAL,
            comm=comm,
        )
        argv = [
            shell, "-c", ITSELF, "sh", ROOT, sys.executable, "-m", "ebpftrace", "watch",
            "--output", "jsonl", "--comm", comm, "--cgroup", group.name, "--interval", "200ms",
            "--config", file, "--audit", tmp_path / "audit.jsonl", "--duration", "3s",
        ]  # fmt: skip
        mark = session_mark()
        with (tmp_path / "out").open("wb") as out:
            process = group.run(
                argv, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, **mark},
            )  # fmt: skip
        try:
            assert process.wait(SECONDS) == 0, (tmp_path / "out").read_text()
        finally:
            end_session(process, mark)
    assert logged(tmp_path, "incident") == []
    whys = {line["reason"] for line in logged(tmp_path, "suppressed")}
    assert any("is ebpftrace itself, or started it" in why for why in whys), whys


def test_children_that_outlive_their_parent(tmp_path: Path) -> None:
    """`go` below it ends with it; what else it started stays, and is not its successor's."""
    file = policy(
        tmp_path,
        'cooldown = "0s"',
        when='{ detector = "level", bound = "150MiB" }',
        then=SIGNAL,
    )
    options = ("--config", str(file), "--children")
    with (
        memory_cgroup() as group,
        watching(tmp_path, *options) as watch,
        Workload(COMM, cgroup=group) as leaky,
    ):
        program = leaky.named("helper")
        (go,) = map(int, leaky.do(f"spawn {leaky.named('go')}; map 20MiB; touch 0"))
        # It stops itself (SIGSTOP) until the test resumes it.
        script = "map 60MiB; touch 0; raise 19; map 120MiB; touch 1"
        (helper,) = map(int, leaky.do(f"spawn {program}; {script}"))
        watch.next_snapshot()
        leaky.do("map 120MiB")
        leaky.send("touch 0")
        step = watch.wait_for(is_step("signal"), SECONDS)
        assert not lives(go)
        assert lives(helper)
        with Workload(COMM, cgroup=group) as successor:
            outcome = watch.wait_for(is_type("outcome"), SECONDS)
            here = len(watch.records)
            os.kill(helper, signal.SIGCONT)
            full = watch.wait_for(
                lambda one: one["type"] == "snapshot" and anon(one, helper) > 170 * MIB,
                SECONDS,
                since=here,
            )
            watch.next_snapshot()
            assert successor.do("map 1MiB")
            assert lives(helper)
    assert step["detail"].endswith("with 1 descendant")
    assert outcome["helped"], outcome
    assert f"its successor {successor.pid} is steady" in outcome["sentence"]
    assert anon(full, successor.pid) < 5 * MIB
    (held,) = logged(tmp_path, "suppressed")
    assert (
        held["reason"] == f"{COMM} {successor.pid} holds less than a third of the job's memory"
    )


def anon(snapshot: Record, pid: int) -> int:
    """What a process of a snapshot holds; 0 if it is not there."""
    found = (one for job in snapshot["jobs"] for one in job["processes"] if one["pid"] == pid)
    return next((int(one["usage"]["anon_bytes"]) for one in found), 0)
