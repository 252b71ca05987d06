"""Processes are tracked from their first instruction to their last, under any name."""

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.events import (
    ProcessExited,
    ProcessMoved,
    ProcessRead,
    ProcessRenamed,
    ProcessStarted,
)
from ebpftrace.probe import Selection
from ebpftrace.probe.loading import bpf
from tests.support.cgroups import memory_cgroup
from tests.support.leftovers import assert_gone, programs_of
from tests.support.observer import Observer
from tests.support.process_state import until
from tests.support.workload import Workload

MIB = 1 << 20


@pytest.fixture(scope="module")
def observer() -> Iterator[Observer]:
    observer = Observer(Selection(comms=("exact", "other*")))
    yield observer
    observer.close()


def test_exec_reports_process_cgroup_and_arguments(observer: Observer) -> None:
    with memory_cgroup() as group, Workload("exact", cgroup=group) as workload:
        started = observer.started(workload.pid)
        assert started.how == "exec"
        assert started.comm == "exact"
        assert started.cgroup_id == group.id
        assert started.parent_pid == os.getpid()
        assert started.program == str(workload.program)
        assert started.args == (str(workload.program),)
        stat = Path(f"/proc/{workload.pid}/stat").read_text().rpartition(") ")[2].split()
        ticks = started.key.start_boottime_ns * os.sysconf("SC_CLK_TCK") // 1_000_000_000
        assert ticks == int(stat[19])


@pytest.mark.parametrize(
    ("command", "code", "ended_by"),
    [
        ("exit 0", 0, 0),
        ("exit 7", 7, 0),
        ("exit 255", 255, 0),
        (f"raise {int(signal.SIGABRT)}", 0, signal.SIGABRT),
        (f"raise {int(signal.SIGKILL)}", 0, signal.SIGKILL),
    ],
)
def test_exit_has_the_status_that_the_parent_gets(
    observer: Observer, command: str, code: int, ended_by: int
) -> None:
    with Workload("exact") as workload:
        workload.do("map 20MiB")
        workload.do("touch 0")
        workload.send(command)
        workload.wait()
        exited = observer.exited(workload.pid)
        assert (exited.exit_code, exited.signal) == (code, ended_by)
        assert not exited.executed
        assert 20 * MIB <= exited.counters.peak_bytes < 30 * MIB
        assert not observer.tracks(workload.pid)


def test_threads_are_not_processes(observer: Observer) -> None:
    with Workload("exact") as workload:
        observer.started(workload.pid)
        observer.forget()
        workload.do("threads 8 1MiB")
        observer.read()
        assert observer.all(ProcessStarted) == []
        assert observer.all(ProcessExited) == []
        workload.send("exit 3")
        workload.wait()
        assert observer.exited(workload.pid).exit_code == 3


def test_renamed_process_stays_tracked(observer: Observer) -> None:
    with Workload("exact") as workload:
        workload.do("name quiet")
        renamed = observer.last(ProcessRenamed, lambda event: event.key.pid == workload.pid)
        assert renamed.comm == "quiet"
        workload.do("map 3MiB")
        assert observer.counters(workload.pid).mapped_bytes == 3 * MIB


def test_process_that_takes_a_watched_name_is_tracked(observer: Observer) -> None:
    with Workload("nobody") as workload:
        workload.do("map 5MiB")
        workload.do("touch 0")
        assert not observer.tracks(workload.pid)
        workload.do("name otherwise")
        started = observer.started(workload.pid)
        assert (started.how, started.comm) == ("rename", "otherwise")
        assert started.counters.usage.anon_bytes >= 5 * MIB


def test_name_of_a_thread_is_not_that_of_the_process(observer: Observer) -> None:
    rename_thread = (
        "import ctypes, threading\n"
        "t = threading.Thread(target=lambda: ctypes.CDLL(None).prctl(15, b'other1'))\n"
        "t.start(); t.join(); input()"
    )
    process = subprocess.Popen(["/usr/bin/python3", "-c", rename_thread], stdin=subprocess.PIPE)
    try:
        observer.read()
        assert not observer.tracks(process.pid)
    finally:
        process.communicate(b"\n")


def test_name_with_escape_sequences_is_cleaned(observer: Observer) -> None:
    with Workload("exact") as workload:
        observer.started(workload.pid)
        workload.do("name \\e[31m[red]\\sx")
        renamed = observer.last(ProcessRenamed, lambda event: event.key.pid == workload.pid)
        assert renamed.comm == "\\x1b[31m[red] x"


def test_exec_of_an_unwatched_program_ends_the_tracking(observer: Observer) -> None:
    with Workload("exact") as workload:
        observer.started(workload.pid)
        workload.do(f"exec {workload.named('unwatched')}")
        exited = observer.exited(workload.pid)
        assert exited.executed
        assert not observer.tracks(workload.pid)


def test_exec_of_a_watched_program_is_an_exit_and_a_start(observer: Observer) -> None:
    with Workload("exact") as workload:
        first = observer.started(workload.pid)
        observer.forget()
        workload.do(f"exec {workload.named('other')}")
        started = observer.started(workload.pid)
        assert started.key == first.key
        assert started.comm == "other"
        kinds = [
            type(event)
            for event in observer.events
            if isinstance(event, ProcessStarted | ProcessExited)
        ]
        assert kinds == [ProcessExited, ProcessStarted]
        assert not observer.all(ProcessRenamed)


def test_forked_child_is_tracked(observer: Observer) -> None:
    with Workload("exact") as workload:
        (child,) = map(int, workload.do("fork; exit 4"))
        started = observer.started(child)
        assert (started.how, started.parent_pid) == ("fork", workload.pid)
        assert observer.exited(child).exit_code == 4


def test_move_between_cgroups_is_reported(observer: Observer) -> None:
    with (
        memory_cgroup() as first,
        memory_cgroup() as second,
        Workload("exact", cgroup=first) as workload,
    ):
        assert observer.started(workload.pid).cgroup_id == first.id
        second.add(workload.pid)
        moved = observer.last(ProcessMoved, lambda event: event.key.pid == workload.pid)
        assert moved.cgroup_id == second.id
        workload.do("map 40MiB")
        workload.do("touch 0")
        assert observer.cgroup(second.id).counters.charge_bytes >= 40 * MIB


def test_process_that_lives_five_milliseconds_is_reported(observer: Observer) -> None:
    with Workload("exact") as workload:
        (pid,) = map(
            int,
            workload.do(
                f"burst 1 1; exec {workload.program}; map 3MiB; touch 0; sleep 5; exit 9"
            ),
        )
        exited = observer.exited(pid)
        assert exited.exit_code == 9
        assert exited.counters.mapped_bytes == 3 * MIB
        assert 3 * MIB <= exited.counters.peak_bytes < 5 * MIB
        assert observer.started(pid).how == "exec"


def test_five_hundred_short_processes_are_reported_or_counted_as_lost() -> None:
    """Lost they may be where the kernel preempts a task within a raw tracepoint."""
    observer = Observer(Selection(comms=("exact",)))
    try:
        with Workload("exact") as workload:
            pids = set(
                map(int, workload.do("burst 500 2000; map 1MiB; touch 0; sleep 5; exit 0"))
            )
            observer.read()
            exited = {e.key.pid: e for e in observer.all(ProcessExited)}
            started = {e.key.pid for e in observer.all(ProcessStarted)}
        assert len(pids) == 500
        losses = observer.probe.losses()
        missed = losses.pop("missed_runs", 0)
        assert len(pids - started) <= missed
        assert len(pids - exited.keys()) <= missed
        mapped = {pid: exited[pid].counters.mapped_bytes for pid in pids & exited.keys()}
        assert sum(one != MIB for one in mapped.values()) <= missed, mapped
        assert losses == {}
    finally:
        observer.close()


def test_ring_that_is_too_small_loses_records_but_no_process() -> None:
    """4 KiB hold a handful of records; user space does not read until the end."""
    observer = Observer(Selection(comms=("exact",)), ring_bytes=4096)
    try:
        with Workload("exact") as workload:
            children = [int(workload.do("fork")[0]) for _ in range(20)]
            observer.read()
            started = {event.key.pid for event in observer.all(ProcessStarted)}
            assert {workload.pid, *children} <= started
            losses = observer.probe.losses()
            assert losses["ring_start"] > 0
            assert losses.keys() <= {"ring_start", "missed_runs"}

        def all_have_ended() -> bool:  # late, where their exit was missed
            observer.read()
            exited = {event.key.pid for event in observer.all(ProcessExited)}
            return {workload.pid, *children} <= exited

        until(all_have_ended)
    finally:
        observer.close()


def test_process_whose_exit_was_missed_is_removed(
    monkeypatch: pytest.MonkeyPatch, observer: Observer
) -> None:
    """Where a task is preempted within a raw tracepoint, the program is not run for the next.

    This kernel may not do that: an entry is written into the map as a missed exit leaves it.
    """
    with Workload("exact") as workload, subprocess.Popen(["true"]) as gone:
        gone.wait()
        key = observer.started(workload.pid).key
        processes = observer.probe._processes
        fd, size = observer.probe._programs.map_fd("processes"), processes._size
        mm = processes.mm_of(key)
        assert mm is not None
        entry = bytearray(bpf.lookup(fd, struct.pack("=Q", mm), size) or b"")
        struct.pack_into("=Q", entry, 0, 4711)
        struct.pack_into("=I", entry, 32, gone.pid)
        bpf.update(fd, struct.pack("=Q", 4711), bytes(entry))
        monkeypatch.setattr(observer.probe._programs, "missed_runs", lambda _names: 0)
        assert observer.counters(gone.pid)  # nothing was missed, so no process is checked
        monkeypatch.setattr(observer.probe._programs, "missed_runs", lambda _names: 1)
        observer.read()
        assert observer.exited(gone.pid).executed is False
        observer.forget()
        observer.read()
        read_pids = {event.key.pid for event in observer.all(ProcessRead)}
        assert workload.pid in read_pids
        assert gone.pid not in read_pids


def test_full_map_is_counted_as_a_loss() -> None:
    observer = Observer(Selection(comms=("crowd",)), max_processes=4)
    try:
        with Workload("crowd") as workload:
            for _ in range(10):
                workload.do("fork")
            observer.read()
            assert len({e.key for e in observer.all(ProcessStarted)}) == 4
            assert observer.probe.losses()["processes_full"] == 7
    finally:
        observer.close()


def test_children_are_tracked_whatever_their_name() -> None:
    observer = Observer(Selection(comms=("parent",), children=True))
    try:
        with Workload("parent") as workload:
            tool = workload.named("go")
            (spawned,) = map(int, workload.do(f"spawn {tool}; sleep 60000"))
            (grandchild,) = map(int, workload.do(f"fork; spawn {tool}; sleep 60000"))
            assert observer.started(spawned).comm == "go"
            observer.started(grandchild)
            observer.last(
                ProcessStarted, lambda event: event.comm == "go" and event.key.pid != spawned
            )
            comms = [event.comm for event in observer.all(ProcessStarted)]
            assert comms.count("go") == 2
            workload.do(f"exec {workload.named('renamed')}")
            assert observer.tracks(workload.pid)
    finally:
        observer.close()


def test_running_children_are_found_whatever_their_name() -> None:
    with Workload("parent") as workload:
        tool = workload.named("go")
        (child,) = map(int, workload.do(f"spawn {tool}; fork; sleep 60000"))
        deadline = time.monotonic() + 10
        while not (grandchildren := _children(child)) and time.monotonic() < deadline:
            time.sleep(0.01)
        observer = Observer(Selection(comms=("parent",), children=True))
        try:
            for pid in (workload.pid, child, *grandchildren):
                assert observer.started(pid).how == "found"
            (later,) = map(int, workload.do(f"spawn {tool}; sleep 60000"))
            assert observer.started(later).how == "exec"
        finally:
            observer.close()


def test_process_whose_main_thread_has_ended_is_found() -> None:
    program = (
        "import ctypes, threading, time\n"
        "held = bytearray(30 << 20)\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "print('ready', flush=True)\n"
        "ctypes.CDLL(None).pthread_exit(None)\n"
    )
    process = subprocess.Popen(["/usr/bin/python3", "-c", program], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        stat = Path(f"/proc/{process.pid}/stat")
        deadline = time.monotonic() + 10
        while ") Z" not in stat.read_text() and time.monotonic() < deadline:
            time.sleep(0.01)
        observer = Observer(Selection(pids=(process.pid,)))
        try:
            started = observer.started(process.pid)
            assert started.how == "found"
            assert started.counters.usage.anon_bytes >= 30 * MIB
        finally:
            observer.close()
    finally:
        process.kill()
        process.communicate()


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_selected_pid_is_the_only_process_tracked() -> None:
    with Workload("one") as one, Workload("one") as two:
        observer = Observer(Selection(pids=(one.pid,)))
        try:
            assert observer.started(one.pid).how == "found"
            one.do("fork")
            assert observer.tracks(one.pid)
            assert not observer.tracks(two.pid)
            assert len(observer.all(ProcessStarted)) == 1
        finally:
            observer.close()


def test_selected_cgroup_includes_cgroups_made_below_it_later() -> None:
    with memory_cgroup() as group, memory_cgroup() as elsewhere:
        observer = Observer(Selection(cgroups=(group.name,)), cgroup_ids=(group.id,))
        try:
            with (
                memory_cgroup(parent=group, hand_down=False) as below,
                Workload("inside", cgroup=group) as inside,
                Workload("deeper", cgroup=below) as deeper,
                Workload("outside", cgroup=elsewhere) as outside,
            ):
                assert observer.tracks(inside.pid)
                assert observer.tracks(deeper.pid)
                assert not observer.tracks(outside.pid)
                group.add(outside.pid)
                assert observer.started(outside.pid).how == "moved"
        finally:
            observer.close()


def test_dropped_process_is_not_reported_again() -> None:
    observer = Observer(Selection(comms=("exact",)))
    try:
        with Workload("exact") as workload:
            observer.probe.drop(observer.started(workload.pid))
            observer.forget()
            workload.do("map 1MiB")
            observer.read()
            workload.send("exit 0")
            workload.wait()
            observer.read()
            assert not [e for e in observer.all(ProcessExited) if e.key.pid == workload.pid]
            assert not [e for e in observer.all(ProcessStarted) if e.key.pid == workload.pid]
    finally:
        observer.close()


def test_programs_are_detached_after_kill_9() -> None:
    hold = (
        "import time\n"
        "from ebpftrace.probe import Selection\n"
        "from ebpftrace.probe.kernel import KernelProbe\n"
        "probe = KernelProbe(Selection(comms=('exact',)), mapping_calls=True)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    held = programs_of(process.pid)
    assert len(held) > 10
    process.kill()
    process.wait()
    process.stdout.close()
    assert_gone(held)


def test_close_detaches_every_program() -> None:
    before = programs_of(os.getpid())
    observer = Observer(Selection(comms=("exact",)))
    held = programs_of(os.getpid()) - before
    assert len(held) > 10
    observer.close()
    assert_gone(held)
