"""`signal` on real processes: the target ends, and its orphans with it."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from ebpftrace.act.actions import signal as ending
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.descendants import descendants_of
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc
from ebpftrace.units import NS_PER_SECOND
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.incidents import about, act, key_of
from tests.support.process_state import lives, stops
from tests.support.workload import Workload

SHORT = ending.SignalOptions(grace_ns=NS_PER_SECOND)


def test_process_is_ended_by_the_first_signal(victim: Workload) -> None:
    ended = act("signal", about(victim.pid), SHORT)
    assert ended.status is StepStatus.DONE
    assert ended.detail.startswith(f"gopls {victim.pid} ended by TERM after ")
    assert victim.wait() == -signal.SIGTERM


def test_next_signal_is_sent_after_the_grace(group: MemoryCgroup) -> None:
    stubborn = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"]
    with group.run(stubborn, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        options = ending.SignalOptions(grace_ns=NS_PER_SECOND // 5, orphans="all")
        ended = act("signal", about(process.pid), options)
        assert ended.status is StepStatus.DONE
        assert "ended by KILL" in ended.detail
        assert process.wait(10) == -signal.SIGKILL


def test_process_that_survives_the_signals_is_reported(victim: Workload) -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        options = ending.SignalOptions(send=("USR1",), grace_ns=NS_PER_SECOND // 10)
        while proc.read_comm(sleeper.pid) != "sleep":
            time.sleep(0.001)  # exec sets the name last
        os.kill(sleeper.pid, signal.SIGSTOP)
        assert stops(sleeper.pid)  # a stopped process handles no signal
        try:
            ended = act("signal", about(sleeper.pid), options)
        finally:
            sleeper.kill()
    assert ended.status is StepStatus.FAILED
    assert ended.detail == f"sleep {sleeper.pid} is still running after USR1"


def test_children_of_the_go_command_end_with_the_target(group: MemoryCgroup) -> None:
    with Workload("gopls", cgroup=group) as gopls:
        (go,) = map(int, gopls.do(f"spawn {gopls.named('go')}"))
        (other,) = map(int, gopls.do(f"spawn {gopls.named('helper')}"))
        ended = act("signal", about(gopls.pid), SHORT)
        assert ended.status is StepStatus.DONE
        assert ended.detail.endswith("with 1 descendant")
        assert not lives(go)
        assert lives(other)


def test_children_of_a_later_process_with_the_pid_are_not_its_own(group: MemoryCgroup) -> None:
    with Workload("gopls", cgroup=group) as other:
        (go,) = map(int, other.do(f"spawn {other.named('go')}"))
        now = key_of(other.pid)
        earlier = ProcessKey(other.pid, now.start_boottime_ns - NS_PER_SECOND)
        assert [child.key.pid for child in descendants_of(now)] == [go]
        assert descendants_of(earlier) == ()


def test_child_in_another_cgroup_is_not_signalled(group: MemoryCgroup) -> None:
    with memory_cgroup() as elsewhere, Workload("gopls", cgroup=group) as gopls:
        (go,) = map(int, gopls.do(f"spawn {gopls.named('go')}"))
        elsewhere.add(go)
        assert act("signal", about(gopls.pid), SHORT).status is StepStatus.DONE
        assert lives(go)


def test_place_of_the_goroutine_dump_is_reported(group: MemoryCgroup, tmp_path: Path) -> None:
    if shutil.which("go") is None:
        pytest.skip("go is not installed here")
    source = tmp_path / "main.go"
    source.write_text(
        'package main\nimport ("fmt"; "time")\n'
        'func main() { fmt.Println("ready"); time.Sleep(time.Hour) }\n'
    )
    program = tmp_path / "gopls"
    subprocess.run(["go", "build", "-o", program, source], check=True, cwd=tmp_path)
    dump = tmp_path / "stderr.txt"
    with dump.open("wb") as stderr:
        process = group.run([program], stdout=subprocess.PIPE, stderr=stderr)
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        options = ending.SignalOptions(send=("QUIT", "KILL"), grace_ns=5 * NS_PER_SECOND)
        ended = act("signal", about(process.pid), options)
    assert ended.status is StepStatus.DONE
    assert ended.detail.endswith(f"goroutine dump: in {dump}")
    assert "ended by QUIT" in ended.detail
    assert b"\ngoroutine 1 " in dump.read_bytes()
