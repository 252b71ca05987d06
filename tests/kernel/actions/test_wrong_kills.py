"""Processes that are never signalled: the action says why."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from ebpftrace.act.actions import signal as ending
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.identity import Target, identify
from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc
from ebpftrace.units import NS_PER_SECOND
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.incidents import act, incident, key_of
from tests.support.process_state import lives
from tests.support.workload import Workload

SHORT = ending.SignalOptions(grace_ns=NS_PER_SECOND)


def expect_refusal(target: Target, comm: str = "gopls") -> str:
    ended = act("signal", incident(target, comm), SHORT)
    assert ended.status is StepStatus.SKIPPED
    return ended.detail


def test_later_process_with_the_pid(victim: Workload) -> None:
    now = identify(key_of(victim.pid))
    earlier = ProcessKey(victim.pid, now.key.start_boottime_ns - NS_PER_SECOND)
    detail = expect_refusal(Target(earlier, now.cgroup, now.program))
    assert "its pid is another process's now" in detail
    assert lives(victim.pid)


def test_pid_that_was_reused(group: MemoryCgroup) -> None:
    last = Path("/proc/sys/kernel/ns_last_pid")
    with Workload("gopls", cgroup=group) as first:
        target = identify(key_of(first.pid))
        first.close_input()
    time.sleep(0.03)  # /proc shows the start in steps of 10 ms
    for _ in range(200):
        last.write_text(str(target.key.pid - 1), encoding="utf-8")
        process = subprocess.Popen(["sleep", "60"])
        if process.pid == target.key.pid:
            break
        process.kill()
        process.wait()
    else:
        pytest.skip("another process is always quicker to take the pid")
    try:
        assert "another process's now" in expect_refusal(target)
        assert lives(process.pid)
    finally:
        process.kill()
        process.wait()


def test_process_that_has_ended(group: MemoryCgroup) -> None:
    with Workload("gopls", cgroup=group) as workload:
        target = identify(key_of(workload.pid))
        workload.close_input()
        assert expect_refusal(target) == f"not signalled: {workload.pid} has ended"


def test_zombie(group: MemoryCgroup) -> None:
    process = group.run(["sleep", "60"])
    target = identify(key_of(process.pid))
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert expect_refusal(target).endswith("has ended")
    process.wait()


def test_process_that_moved_to_another_job(victim: Workload) -> None:
    target = identify(key_of(victim.pid))
    with memory_cgroup() as elsewhere:
        elsewhere.add(victim.pid)
        assert "moved to the cgroup" in expect_refusal(target)
        assert lives(victim.pid)


def test_process_that_executed_another_program(victim: Workload) -> None:
    target = identify(key_of(victim.pid))
    victim.do(f"exec {victim.named('other')}")
    assert "runs another program now" in expect_refusal(target)
    assert lives(victim.pid)


def test_init_kthreadd_ebpftrace_and_its_ancestors() -> None:
    for pid in (1, 2, os.getpid(), os.getppid()):
        stat = proc.read_stat(pid)
        if stat is None:
            continue  # no kernel threads in a pid namespace
        target = Target(ProcessKey(pid, stat.start_boottime_ns), "/", (0, 0))
        expect_refusal(target)


def test_kernel_thread() -> None:
    threads = [
        stat
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit()
        and (stat := proc.read_stat(int(entry.name))) is not None
        and stat.parent_pid == 2
    ]
    if not threads:
        pytest.skip("this pid namespace shows no kernel threads")
    key = ProcessKey(threads[0].pid, threads[0].start_boottime_ns)
    assert "a kernel thread" in expect_refusal(Target(key, "/", (0, 0)))


def test_process_that_says_it_is_a_crash_monitor_is_ended(tmp_path: Path) -> None:
    """Its arguments are its own choice; that it is none is decided at its start."""
    (tmp_path / "** telemetry **").write_text("read line\n")
    argv = ["gopls", "** telemetry **"]
    with subprocess.Popen(
        argv, executable="/bin/sh", cwd=tmp_path, stdin=subprocess.PIPE
    ) as monitor:
        while not proc.read_cmdline(monitor.pid):
            time.sleep(0.001)  # exec sets the arguments last
        ended = act("signal", incident(identify(key_of(monitor.pid)), "gopls"), SHORT)
        assert not lives(monitor.pid)
    assert ended.status is StepStatus.DONE


def test_process_that_is_gone_cannot_be_identified(group: MemoryCgroup) -> None:
    with Workload("gopls", cgroup=group) as workload:
        key = key_of(workload.pid)
        workload.close_input()
    with pytest.raises(GoneError, match="has ended"):
        identify(key)
