"""The fuse in vfork, fork and exec, in namespaces, and when others write to the memory."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from ebpftrace.events import FuseBlown, ProcessExited
from ebpftrace.probe import watchdog
from tests.support.build import crossing_binary, exact_binary
from tests.support.cgroups import memory_cgroup
from tests.support.fuses import (
    BOUND,
    COMM,
    MIB,
    blown,
    fuses,
    resume_without_bound,
)
from tests.support.observer import Observer
from tests.support.process_state import state, stops, until
from tests.support.sessions import end_session, session_mark
from tests.support.workload import Workload

CROSSINGS = 40


def test_process_whose_memory_another_writes_is_stopped_by_user_space(
    observer: Observer, workload: Workload
) -> None:
    """As a debugger does, or process_vm_writev(2): the writer must not be stopped."""
    _, address = workload.do("map 100MiB")
    with Path(f"/proc/{workload.pid}/mem").open("r+b", buffering=0) as memory:
        memory.seek(int(address, 16))
        assert memory.write(bytes(100 * MIB)) == 100 * MIB
    event = blown(observer, workload.pid)
    assert event.filled
    assert BOUND <= event.held_bytes < BOUND + MIB
    assert stops(workload.pid)
    assert observer.counters(workload.pid).usage.held_bytes >= 100 * MIB
    resume_without_bound(observer, event.key)
    workload.do("touch 0")


@pytest.mark.parametrize("to", [COMM, "other"], ids=["watched", "not-watched"])
def test_stop_within_exec_takes_effect_before_the_new_program_runs(
    observer: Observer, workload: Workload, to: str
) -> None:
    """The kernel takes the page with the path within the system call."""
    program = workload.named(to)
    workload.do("shmem 4KiB")
    workload.do("touch 1")
    held = observer.counters(workload.pid).usage.held_bytes
    key = observer.started(workload.pid).key
    fuses(observer).arm_process(key, held, 0, signal.SIGSTOP)
    observer.forget()
    workload.send(f"execat 1 {program}")
    assert stops(workload.pid)
    assert not workload.answered()
    assert Path(f"/proc/{workload.pid}/exe").readlink() == program
    assert blown(observer, workload.pid).key == key
    assert observer.last(ProcessExited, lambda event: event.key == key).executed
    fuses(observer).clear_stop(key)
    os.kill(key.pid, signal.SIGCONT)
    workload.answer()


def test_stopped_process_is_in_the_map_when_a_thread_crossed_as_another_executed(
    observer: Observer, tmp_path: Path
) -> None:
    """exec ends the thread that crossed; the stop is for the process, and may come later."""
    program, becomes = tmp_path / COMM, tmp_path / "other"
    shutil.copy(crossing_binary(), program)
    shutil.copy(exact_binary(), becomes)
    for run in range(CROSSINGS):
        delay_us = run * 60_000 // CROSSINGS
        with subprocess.Popen([program, becomes, str(delay_us)]) as process:
            pid = process.pid
            try:
                while state(pid) != "T" and not arrived(pid, becomes):
                    time.sleep(0.001)
                if state(pid) == "T":
                    assert watchdog.sweep(fuses(observer).fd, set())
            finally:
                process.kill()


def arrived(pid: int, program: Path) -> bool:
    """Whether it runs this program by now, and waits."""
    return Path(f"/proc/{pid}/exe").readlink() == program and state(pid) in "ST"


def test_init_of_a_pid_namespace_is_stopped_too(observer: Observer) -> None:
    observer.forget()
    program, mark = Workload(COMM), session_mark()
    inner = [str(program.named(COMM)), "--do", "map 100MiB; touch 0"]
    process = subprocess.Popen(
        ["unshare", "--pid", "--fork", *inner],
        env={**os.environ, **mark}, start_new_session=True,
    )  # fmt: skip
    try:
        event = observer.last(FuseBlown)
        assert stops(event.key.pid)
        assert "NSpid:" in (
            status := Path(f"/proc/{event.key.pid}/status").read_text(encoding="utf-8")
        )
        assert status.partition("NSpid:")[2].splitlines()[0].split()[-1] == "1"
        assert BOUND <= event.held_bytes <= BOUND + observer.lag_bytes
        resume_without_bound(observer, event.key)
        until(lambda: observer.counters(event.key.pid).usage.held_bytes >= 100 * MIB)
        os.kill(event.key.pid, signal.SIGKILL)
        until(lambda: state(event.key.pid) in ("Z", ""))
    finally:
        end_session(process, mark)


def test_copies_of_a_parents_pages_are_not_counted_for_the_child(
    observer: Observer, workload: Workload
) -> None:
    """The kernel reports no copy on write, yet charges the cgroup for it."""
    with memory_cgroup() as group:
        group.add(workload.pid)
        workload.do("touch 0 0 40MiB")
        before = group.charge_bytes()
        workload.do("fork; touch 0 0 40MiB")
        assert group.charge_bytes() - before >= 39 * MIB
