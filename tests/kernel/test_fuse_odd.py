"""The fuse among debuggers, shells, freezers, namespaces, vfork and exec: what happens."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ebpftrace.act.actions.freeze import Freezer
from ebpftrace.act.holding.holding import Holding
from ebpftrace.events import FuseBlown, FuseOf, ProcessExited, ProcessKey
from ebpftrace.probe import Selection, guardian
from ebpftrace.probe.fuses import FuseDefault, Fuses
from tests.support.build import crossing_binary, exact_binary
from tests.support.cgroups import memory_cgroup, write
from tests.support.observer import Observer
from tests.support.ptys import Pty
from tests.support.sessions import end_session, session_mark
from tests.support.standing import stands, state, until
from tests.support.tracer import Tracer
from tests.support.workload import PAGE, Workload

MIB = 1 << 20
COMM = f"odd{os.getpid()}"
BOUND = 64 * MIB
AGAIN = 256 * PAGE  # STOP_AGAIN in bpf/fuse.h
CROSSINGS = 40
MARGIN = 16 * PAGE  # by which it may have gone on from where it was stopped


@pytest.fixture(scope="module")
def observer() -> Iterator[Observer]:
    """Everybody of that name has the bound from the first page on."""
    observer = Observer(Selection(comms=(COMM,)), watermarks=True)
    fuses(observer).arm_everybody(FuseDefault(FuseOf.PROCESS, BOUND, False, signal.SIGSTOP))
    yield observer
    observer.close()


@pytest.fixture
def workload() -> Iterator[Workload]:
    with Workload(COMM) as workload:
        workload.do("map 100MiB")
        yield workload


def fuses(observer: Observer) -> Fuses:
    assert observer.probe.fuses is not None
    return observer.probe.fuses


def blown(observer: Observer, pid: int) -> FuseBlown:
    return observer.last(FuseBlown, lambda event: event.key.pid == pid)


def without_bound(observer: Observer, key: ProcessKey) -> None:
    """Let go for good; the signal is sent as well."""
    fuses(observer).arm_process(key, 0, 0, signal.SIGSTOP)
    fuses(observer).let_go(key)
    os.kill(key.pid, signal.SIGCONT)


def beyond(observer: Observer, pid: int) -> int:
    """What it holds beyond the bound, bytes."""
    return observer.counters(pid).usage.held_bytes - BOUND


def runs_away(workload: Workload) -> None:
    workload.send("touch 0")


def test_somebody_elses_sigcont_is_good_for_one_mebibyte(
    observer: Observer, workload: Workload
) -> None:
    """And within a second of the stop for a page: other threads may be on their way."""
    runs_away(workload)
    assert stands(workload.pid)
    held = beyond(observer, workload.pid)
    os.kill(workload.pid, signal.SIGCONT)
    assert stands(workload.pid)
    assert held < beyond(observer, workload.pid) <= held + AGAIN + PAGE
    held = beyond(observer, workload.pid)
    time.sleep(1.1)  # STOPPING_NS in bpf/fuse.h
    os.kill(workload.pid, signal.SIGCONT)
    assert stands(workload.pid)
    assert held + AGAIN - MARGIN <= beyond(observer, workload.pid) <= held + AGAIN + PAGE
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
        assert state(event.key.pid) == "S"
    finally:
        end_session(shell, mark)
        terminal.close()


def test_a_vfork_child_is_not_stopped_and_its_parent_is_at_its_next_page(
    observer: Observer, workload: Workload
) -> None:
    workload.do("map 1MiB")
    workload.do("lend 0")  # 100 MiB by the child, in the parent's memory
    assert observer.counters(workload.pid).usage.held_bytes >= 100 * MIB
    assert not observer.all(FuseBlown, lambda event: event.key.pid == workload.pid)
    workload.send("touch 1")
    assert stands(workload.pid)
    assert blown(observer, workload.pid).held_bytes >= 100 * MIB


def test_what_another_process_writes_there_stops_it_at_its_own_next_page(
    observer: Observer, workload: Workload
) -> None:
    """As a debugger does, or process_vm_writev(2): the writer is not who is to be stopped."""
    _, address = workload.do("map 100MiB")
    with Path(f"/proc/{workload.pid}/mem").open("r+b", buffering=0) as memory:
        memory.seek(int(address, 16))
        assert memory.write(bytes(100 * MIB)) == 100 * MIB
    assert not observer.all(FuseBlown, lambda event: event.key.pid == workload.pid)
    held = observer.counters(workload.pid).usage.held_bytes
    assert held >= 100 * MIB
    runs_away(workload)
    assert stands(workload.pid)
    assert blown(observer, workload.pid).held_bytes == held + PAGE


@pytest.mark.parametrize("to", [COMM, "other"])
def test_a_stop_within_exec_stands_before_the_new_programs_first_instruction(
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
    assert stands(workload.pid)
    assert not workload.answered()
    assert Path(f"/proc/{workload.pid}/exe").readlink() == program
    assert blown(observer, workload.pid).key == key
    assert observer.last(ProcessExited, lambda event: event.key == key).executed
    fuses(observer).let_go(key)
    os.kill(key.pid, signal.SIGCONT)
    workload.answer()


def test_whoever_stands_is_written_down_though_a_thread_crossed_as_another_executed(
    observer: Observer, tmp_path: Path
) -> None:
    """exec ends the thread that crossed; the stop is the process's, and may come after."""
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
                    assert guardian.sweep(fuses(observer).fd, set())
            finally:
                process.kill()


def arrived(pid: int, program: Path) -> bool:
    """Whether it has become this program, and waits."""
    return Path(f"/proc/{pid}/exe").readlink() == program and state(pid) in "ST"


@contextmanager
def freezer() -> Iterator[Freezer]:
    """A freezer cgroup of our own."""
    hierarchy = Path("/sys/fs/cgroup/freezer")
    if not (hierarchy / "cgroup.procs").exists():
        pytest.skip("no v1 freezer here")
    own = hierarchy / f"ebpftrace-odd-{os.getpid()}"
    own.mkdir()
    try:
        file = own / "freezer.state"
        yield Freezer(file, "FROZEN", "THAWED", file)
    finally:
        write(file, "THAWED")
        until(lambda: not (own / "cgroup.procs").read_text())
        own.rmdir()


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
            assert holding.woken() == []
            write(ice.file, "FROZEN")
            until(ice.is_frozen)
            assert holding.woken() == []
            running: set[int] = set()
            for _ in range(3):  # as the guardian does once the watch is dead
                guardian.sweep(fuses(observer).fd, running)
            write(ice.file, "THAWED")
            workload.answer()
        finally:
            holding.close()


def test_the_init_of_a_pid_namespace_is_stopped_too(observer: Observer) -> None:
    observer.forget()
    program, mark = Workload(COMM), session_mark()
    inner = [str(program.named(COMM)), "--do", "map 100MiB; touch 0"]
    process = subprocess.Popen(
        ["unshare", "--pid", "--fork", *inner],
        env={**os.environ, **mark}, start_new_session=True,
    )  # fmt: skip
    try:
        event = observer.last(FuseBlown)
        assert stands(event.key.pid)
        assert "NSpid:" in (status := Path(f"/proc/{event.key.pid}/status").read_text())
        assert status.partition("NSpid:")[2].splitlines()[0].split()[-1] == "1"
        assert event.held_bytes == BOUND
        without_bound(observer, event.key)
        until(lambda: observer.counters(event.key.pid).usage.held_bytes >= 100 * MIB)
        os.kill(event.key.pid, signal.SIGKILL)
        until(lambda: state(event.key.pid) in ("Z", ""))
    finally:
        end_session(process, mark)


def test_copies_of_a_parents_pages_are_no_growth_of_the_child(
    observer: Observer, workload: Workload
) -> None:
    """Copy on write tells nobody; what the cgroup is charged grows all the same."""
    with memory_cgroup() as group:
        group.add(workload.pid)
        workload.do("touch 0 0 40MiB")
        before = group.charge_bytes()
        workload.do("fork; touch 0 0 40MiB")
        assert group.charge_bytes() - before >= 39 * MIB
