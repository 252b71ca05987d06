"""The fuse beside other programs that stop, trace, freeze and resume the same process."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from ebpftrace.act.fuse.holding.holding import Holding
from ebpftrace.events import FuseBlown
from ebpftrace.probe import watchdog
from tests.support.cgroups import write
from tests.support.fuses import (
    AGAIN,
    COMM,
    MIB,
    beyond,
    blown,
    freezer,
    fuses,
    resume_without_bound,
    runs_away,
)
from tests.support.observer import Observer
from tests.support.process_state import state, stops, until
from tests.support.ptys import Pty
from tests.support.sessions import end_session, session_mark
from tests.support.tracer import Tracer
from tests.support.workload import PAGE, Workload

MARGIN = 16 * PAGE  # by how much it may have grown since it was stopped


def test_sigcont_of_another_program_allows_one_mebibyte(
    observer: Observer, workload: Workload
) -> None:
    """And a single page within a second of the stop, when other threads may still run."""
    runs_away(workload)
    assert stops(workload.pid)
    held = beyond(observer, workload.pid)
    os.kill(workload.pid, signal.SIGCONT)
    assert stops(workload.pid)
    lag = observer.lag_bytes
    assert held < beyond(observer, workload.pid) <= held + AGAIN + PAGE + lag
    held = beyond(observer, workload.pid)
    time.sleep(1.1)  # STOPPING_NS in bpf/fuse.h
    os.kill(workload.pid, signal.SIGCONT)
    assert stops(workload.pid)
    gained = beyond(observer, workload.pid) - held
    assert AGAIN - MARGIN - lag <= gained <= AGAIN + PAGE + lag
    resume_without_bound(observer, blown(observer, workload.pid).key)
    workload.answer()


def test_our_sigcont_also_ends_the_stop_of_another_program(
    observer: Observer, workload: Workload
) -> None:
    """The kernel has only one stopped state."""
    runs_away(workload)
    assert stops(workload.pid)
    os.kill(workload.pid, signal.SIGSTOP)
    resume_without_bound(observer, blown(observer, workload.pid).key)
    workload.answer()


def test_tracer_receives_the_stop_and_decides(observer: Observer, workload: Workload) -> None:
    with Tracer(workload.pid) as tracer:
        runs_away(workload)
        assert tracer.next_stop() == (signal.SIGSTOP, False)
        assert state(workload.pid) == "t"
        tracer.resume(signal.SIGSTOP)
        assert tracer.next_stop() == (signal.SIGSTOP, True)
        tracer.let_stand()
        assert state(workload.pid) in "tT"
        resume_without_bound(observer, blown(observer, workload.pid).key)
        assert tracer.next_stop()[0] in (signal.SIGTRAP, signal.SIGCONT)
        tracer.detach()
        workload.answer()


def test_tracer_that_suppresses_the_stop_receives_another(
    observer: Observer, workload: Workload
) -> None:
    with Tracer(workload.pid) as tracer:
        runs_away(workload)
        for _ in range(3):
            assert tracer.next_stop() == (signal.SIGSTOP, False)
            tracer.resume()
        assert tracer.next_stop() == (signal.SIGSTOP, False)
        assert beyond(observer, workload.pid) <= 3 * (AGAIN + PAGE)
        tracer.detach(signal.SIGSTOP)
        assert stops(workload.pid)


def test_process_resumed_under_a_debugger_runs_once_the_debugger_lets_it(
    observer: Observer, workload: Workload
) -> None:
    with Tracer(workload.pid) as tracer:
        runs_away(workload)
        tracer.next_stop()
        resume_without_bound(observer, blown(observer, workload.pid).key)
        assert state(workload.pid) == "t", "the debugger still holds it"
        tracer.resume(signal.SIGSTOP)  # as a debugger does that passes every signal on
        while tracer.next_stop()[0] is not signal.SIGCONT:
            tracer.resume()
        tracer.detach(signal.SIGCONT)
        workload.answer()


@pytest.mark.skipif(shutil.which("gdb") is None, reason="there is no gdb")
def test_under_gdb(observer: Observer, workload: Workload) -> None:
    gdb = ["gdb", "-nx", "-batch", "-p", str(workload.pid)]
    with subprocess.Popen(
        [*gdb, "-ex", "continue", "-ex", "info program", "-ex", "detach"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        until(
            lambda: (
                "\nTracerPid:\t0"
                not in Path(f"/proc/{workload.pid}/status").read_text(encoding="utf-8")
            )
        )
        runs_away(workload)
        output, _ = process.communicate(timeout=60)
    assert "SIGSTOP" in output, output
    assert stops(workload.pid)
    resume_without_bound(observer, blown(observer, workload.pid).key)
    workload.answer()


def test_shell_shows_a_stopped_job_and_fg_does_not_defeat_the_fuse(
    observer: Observer, workload: Workload
) -> None:
    """In a terminal with job control, with `fg` for the stopped process."""
    observer.forget()
    terminal, mark = Pty(), session_mark()
    shell = subprocess.Popen(
        ["setsid", "--ctty", "bash", "--norc", "--noprofile", "-i"],
        stdin=terminal.stdout, stdout=terminal.stdout, stderr=terminal.stdout,
        env={**os.environ, **mark, "PS1": "ready> ", "HISTFILE": "/dev/null"},
    )  # fmt: skip
    try:
        terminal.expect("ready> ")
        terminal.type(f"{workload.named(COMM)} --do 'map 100MiB; touch 0'\n".encode())
        event = observer.last(FuseBlown)
        assert stops(event.key.pid)
        assert "Stopped" in terminal.expect("Stopped")
        terminal.type(b"fg\n")
        terminal.expect("Stopped")
        assert stops(event.key.pid)
        assert beyond(observer, event.key.pid) <= AGAIN + PAGE
        resume_without_bound(observer, event.key)
        until(lambda: observer.counters(event.key.pid).usage.held_bytes >= 100 * MIB)
        assert stops(event.key.pid, "S")
    finally:
        end_session(shell, mark)
        terminal.close()


@pytest.mark.parametrize("resume_first", [True, False])
def test_stopped_and_frozen_process_runs_once_it_is_resumed_and_thawed(
    observer: Observer, resume_first: bool
) -> None:
    with freezer() as ice, Workload(COMM) as workload:
        workload.do("map 100MiB")
        write(ice.file.parent / "cgroup.procs", workload.pid)
        runs_away(workload)
        assert stops(workload.pid)
        write(ice.file, "FROZEN")
        until(ice.is_frozen)
        key = blown(observer, workload.pid).key
        if resume_first:
            resume_without_bound(observer, key)
            assert ice.is_frozen()
            assert not workload.answered()
            write(ice.file, "THAWED")
        else:
            write(ice.file, "THAWED")
            assert stops(workload.pid)
            resume_without_bound(observer, key)
        workload.answer()


def test_frozen_process_is_not_taken_for_resumed_and_not_left_stopped(
    observer: Observer,
) -> None:
    """Since 6.1 a stopped process in a freezer of v1 is in state D, as all frozen ones."""
    with freezer() as ice, Workload(COMM) as workload:
        workload.do("map 100MiB")
        write(ice.file.parent / "cgroup.procs", workload.pid)
        runs_away(workload)
        assert stops(workload.pid)
        key = blown(observer, workload.pid).key
        fuses(observer).arm_process(key, 0, 0, signal.SIGSTOP)
        holding = Holding(fuses(observer).fd)
        try:
            holding.hold(key)
            assert holding.resumed_by_others() == []
            write(ice.file, "FROZEN")
            until(ice.is_frozen)
            assert holding.resumed_by_others() == []
            running: set[int] = set()
            for _ in range(3):  # as the watchdog does once the watch is dead
                watchdog.sweep(fuses(observer).fd, running)
            write(ice.file, "THAWED")
            workload.answer()
        finally:
            holding.close()
