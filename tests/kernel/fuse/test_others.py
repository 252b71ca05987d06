"""The fuse among others who stop, trace, freeze and let go: who stands, and who decides."""

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
    runs_away,
    without_bound,
)
from tests.support.observer import Observer
from tests.support.ptys import Pty
from tests.support.sessions import end_session, session_mark
from tests.support.standing import stands, state, until
from tests.support.tracer import Tracer
from tests.support.workload import PAGE, Workload

MARGIN = 16 * PAGE  # by which it may have gone on from where it was stopped


def test_somebody_elses_sigcont_is_good_for_one_mebibyte(
    observer: Observer, workload: Workload
) -> None:
    """And within a second of the stop for a page: other threads may be on their way."""
    runs_away(workload)
    assert stands(workload.pid)
    held = beyond(observer, workload.pid)
    os.kill(workload.pid, signal.SIGCONT)
    assert stands(workload.pid)
    lag = observer.lag_bytes
    assert held < beyond(observer, workload.pid) <= held + AGAIN + PAGE + lag
    held = beyond(observer, workload.pid)
    time.sleep(1.1)  # STOPPING_NS in bpf/fuse.h
    os.kill(workload.pid, signal.SIGCONT)
    assert stands(workload.pid)
    gained = beyond(observer, workload.pid) - held
    assert AGAIN - MARGIN - lag <= gained <= AGAIN + PAGE + lag
    without_bound(observer, blown(observer, workload.pid).key)
    workload.answer()


def test_who_grows_while_somebody_else_stops_it_goes_on_with_the_rest(
    observer: Observer, workload: Workload
) -> None:
    """One kind of standing: the SIGCONT that ends ours ends theirs."""
    runs_away(workload)
    assert stands(workload.pid)
    os.kill(workload.pid, signal.SIGSTOP)
    without_bound(observer, blown(observer, workload.pid).key)
    workload.answer()


def test_a_tracer_gets_the_stop_and_decides(observer: Observer, workload: Workload) -> None:
    with Tracer(workload.pid) as tracer:
        runs_away(workload)
        assert tracer.next_stop() == (signal.SIGSTOP, False)
        assert state(workload.pid) == "t"
        tracer.go_on(signal.SIGSTOP)
        assert tracer.next_stop() == (signal.SIGSTOP, True)
        tracer.let_stand()
        assert state(workload.pid) in "tT"
        without_bound(observer, blown(observer, workload.pid).key)
        assert tracer.next_stop()[0] in (signal.SIGTRAP, signal.SIGCONT)
        tracer.detach()
        workload.answer()


def test_a_tracer_that_swallows_the_stop_gets_another(
    observer: Observer, workload: Workload
) -> None:
    with Tracer(workload.pid) as tracer:
        runs_away(workload)
        for _ in range(3):
            assert tracer.next_stop() == (signal.SIGSTOP, False)
            tracer.go_on()
        assert tracer.next_stop() == (signal.SIGSTOP, False)
        assert beyond(observer, workload.pid) <= 3 * (AGAIN + PAGE)
        tracer.detach(signal.SIGSTOP)
        assert stands(workload.pid)


def test_let_go_in_a_debuggers_hands_it_stands_no_more_once_they_let_it(
    observer: Observer, workload: Workload
) -> None:
    with Tracer(workload.pid) as tracer:
        runs_away(workload)
        tracer.next_stop()
        without_bound(observer, blown(observer, workload.pid).key)
        assert state(workload.pid) == "t", "theirs to let go"
        tracer.go_on(signal.SIGSTOP)  # as a debugger does that passes every signal on
        while tracer.next_stop()[0] is not signal.SIGCONT:
            tracer.go_on()
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
        until(lambda: "\nTracerPid:\t0" not in Path(f"/proc/{workload.pid}/status").read_text())
        runs_away(workload)
        told, _ = process.communicate(timeout=60)
    assert "SIGSTOP" in told, told
    assert stands(workload.pid)
    without_bound(observer, blown(observer, workload.pid).key)
    workload.answer()


def test_a_shell_sees_a_stopped_job_and_fg_does_not_defeat_the_fuse(
    observer: Observer, workload: Workload
) -> None:
    """In a terminal with job control, with `fg` typed at the process that stands."""
    observer.forget()
    terminal, mark = Pty(), session_mark()
    shell = subprocess.Popen(
        ["setsid", "--ctty", "bash", "--norc", "--noprofile", "-i"],
        stdin=terminal.stdout, stdout=terminal.stdout, stderr=terminal.stdout,
        env={**os.environ, **mark, "PS1": "ready> "},
    )  # fmt: skip
    try:
        terminal.wait_for("ready> ")
        terminal.type(f"{workload.named(COMM)} --do 'map 100MiB; touch 0'\n".encode())
        event = observer.last(FuseBlown)
        assert stands(event.key.pid)
        assert "Stopped" in terminal.wait_for("Stopped")
        terminal.type(b"fg\n")
        terminal.wait_for("Stopped")
        assert stands(event.key.pid)
        assert beyond(observer, event.key.pid) <= AGAIN + PAGE
        without_bound(observer, event.key)
        until(lambda: observer.counters(event.key.pid).usage.held_bytes >= 100 * MIB)
        assert stands(event.key.pid, "S")
    finally:
        end_session(shell, mark)
        terminal.close()


@pytest.mark.parametrize("let_go_first", [True, False])
def test_frozen_while_it_stands_it_goes_on_once_both_are_lifted(
    observer: Observer, let_go_first: bool
) -> None:
    with freezer() as ice, Workload(COMM) as workload:
        workload.do("map 100MiB")
        write(ice.file.parent / "cgroup.procs", workload.pid)
        runs_away(workload)
        assert stands(workload.pid)
        write(ice.file, "FROZEN")
        until(ice.is_frozen)
        key = blown(observer, workload.pid).key
        if let_go_first:
            without_bound(observer, key)
            assert ice.is_frozen()
            assert not workload.answered()
            write(ice.file, "THAWED")
        else:
            write(ice.file, "THAWED")
            assert stands(workload.pid)
            without_bound(observer, key)
        workload.answer()


def test_who_is_frozen_is_neither_taken_for_woken_nor_forgotten(observer: Observer) -> None:
    """Since 6.1 one that stands in a freezer of v1 is in state D, as all that is frozen."""
    with freezer() as ice, Workload(COMM) as workload:
        workload.do("map 100MiB")
        write(ice.file.parent / "cgroup.procs", workload.pid)
        runs_away(workload)
        assert stands(workload.pid)
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
