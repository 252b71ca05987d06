"""Processes are tracked from their first instruction to their last, under any name."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.events import (
    ProcessExited,
    ProcessMoved,
    ProcessRenamed,
    ProcessStarted,
)
from ebpftrace.probe import Selection
from ebpftrace.units import MIB
from tests.support.build import ending_binary, named
from tests.support.cgroups import memory_cgroup
from tests.support.names import unique_comm
from tests.support.observer import Observer
from tests.support.workload import Workload

WATCHED, OTHER = unique_comm(), unique_comm()  # tests that run at once count their processes


@pytest.fixture(scope="module")
def observer() -> Iterator[Observer]:
    observer = Observer(Selection(comms=(WATCHED, f"{OTHER}*")))
    yield observer
    observer.close()


def test_exec_reports_process_cgroup_and_arguments(observer: Observer) -> None:
    with memory_cgroup() as group, Workload(WATCHED, cgroup=group) as workload:
        started = observer.started(workload.pid)
        assert started.how == "exec"
        assert started.comm == WATCHED
        assert started.cgroup_id == group.id
        assert started.parent_pid == os.getpid()
        assert started.program == str(workload.program)
        assert started.args == (str(workload.program),)
        stat = (
            Path(f"/proc/{workload.pid}/stat")
            .read_text(encoding="utf-8")
            .rpartition(") ")[2]
            .split()
        )
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
    with Workload(WATCHED) as workload:
        workload.do("map 20MiB")
        workload.do("touch 0")
        workload.send(command)
        workload.wait()
        exited = observer.exited(workload.pid)
        assert (exited.exit_code, exited.signal) == (code, ended_by)
        assert not exited.executed
        assert 20 * MIB <= exited.counters.peak_bytes < 30 * MIB
        assert not observer.tracks(workload.pid)


def test_process_whose_threads_end_at_once_has_one_end(
    observer: Observer, tmp_path: Path
) -> None:
    """Each of them may find that no other thread is left."""
    observer.forget()
    program = named(ending_binary(), f"{OTHER}-e", tmp_path)
    for _ in range(20):
        subprocess.run([program, "100"], check=True)
        observer.read()
    name = program.name
    started = [e.key for e in observer.all(ProcessStarted, lambda event: event.comm == name)]
    exited = [e.key for e in observer.all(ProcessExited, lambda event: event.comm == name)]
    assert len(started) == 20 * 101
    assert sorted(exited) == sorted(started)


def test_threads_are_not_processes(observer: Observer) -> None:
    with Workload(WATCHED) as workload:
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
    with Workload(WATCHED) as workload:
        workload.do("name quiet")
        renamed = observer.last(ProcessRenamed, lambda event: event.key.pid == workload.pid)
        assert renamed.comm == "quiet"
        workload.do("map 3MiB")
        assert observer.counters(workload.pid).mapped_bytes == 3 * MIB


def test_process_that_takes_a_watched_name_is_tracked(observer: Observer) -> None:
    with Workload("unwatched") as workload:
        workload.do("map 5MiB")
        workload.do("touch 0")
        assert not observer.tracks(workload.pid)
        workload.do(f"name {OTHER}-w")
        started = observer.started(workload.pid)
        assert (started.how, started.comm) == ("rename", f"{OTHER}-w")
        assert started.counters.usage.anon_bytes >= 5 * MIB


def test_name_of_a_thread_is_not_that_of_the_process(observer: Observer) -> None:
    rename_thread = (
        "import ctypes, threading\n"
        f"t = threading.Thread(target=lambda: ctypes.CDLL(None).prctl(15, b'{OTHER}'))\n"
        "t.start(); t.join(); input()"
    )
    process = subprocess.Popen(["/usr/bin/python3", "-c", rename_thread], stdin=subprocess.PIPE)
    try:
        observer.read()
        assert not observer.tracks(process.pid)
    finally:
        process.communicate(b"\n")


def test_name_with_escape_sequences_is_cleaned(observer: Observer) -> None:
    with Workload(WATCHED) as workload:
        observer.started(workload.pid)
        workload.do("name \\e[31m[red]\\sx")
        renamed = observer.last(ProcessRenamed, lambda event: event.key.pid == workload.pid)
        assert renamed.comm == "\\x1b[31m[red] x"


def test_exec_of_an_unwatched_program_ends_the_tracking(observer: Observer) -> None:
    with Workload(WATCHED) as workload:
        observer.started(workload.pid)
        workload.do(f"exec {workload.named('unwatched')}")
        exited = observer.exited(workload.pid)
        assert exited.executed
        assert not observer.tracks(workload.pid)


def test_exec_of_a_watched_program_is_an_exit_and_a_start(observer: Observer) -> None:
    with Workload(WATCHED) as workload:
        first = observer.started(workload.pid)
        observer.forget()
        workload.do(f"exec {workload.named(OTHER)}")
        started = observer.started(workload.pid)
        assert started.key == first.key
        assert started.comm == OTHER
        kinds = [
            type(event)
            for event in observer.events
            if isinstance(event, ProcessStarted | ProcessExited)
        ]
        assert kinds == [ProcessExited, ProcessStarted]
        assert not observer.all(ProcessRenamed)


def test_forked_child_is_tracked(observer: Observer) -> None:
    with Workload(WATCHED) as workload:
        (child,) = map(int, workload.do("fork; exit 4"))
        started = observer.started(child)
        assert (started.how, started.parent_pid) == ("fork", workload.pid)
        assert observer.exited(child).exit_code == 4


def test_move_between_cgroups_is_reported(observer: Observer) -> None:
    with (
        memory_cgroup() as first,
        memory_cgroup() as second,
        Workload(WATCHED, cgroup=first) as workload,
    ):
        assert observer.started(workload.pid).cgroup_id == first.id
        second.add(workload.pid)
        moved = observer.last(ProcessMoved, lambda event: event.key.pid == workload.pid)
        assert moved.cgroup_id == second.id
        workload.do("map 40MiB")
        workload.do("touch 0")
        assert observer.cgroup(second.id).counters.charge_bytes >= 40 * MIB


def test_child_of_a_process_that_renamed_itself_is_tracked_as_its_parent_is(
    observer: Observer,
) -> None:
    """It executed nothing, so it has the name under which its parent was executed."""
    with Workload(WATCHED) as workload:
        observer.started(workload.pid)
        workload.do("name main-thread")
        child = int(workload.do("fork")[0])
        started = observer.started(child)
        assert (started.how, started.comm) == ("fork", "main-thread")


def test_process_that_renamed_itself_before_the_watch_is_found() -> None:
    with Workload("exact-file") as workload, Workload("other-file") as other:
        workload.do("name main-thread")
        other.do("name main-thread")
        observer = Observer(Selection(comms=("exact-f*",)))
        try:
            started = observer.started(workload.pid)
            assert (started.how, started.comm) == ("found", "main-thread")
            assert not observer.tracks(other.pid)
        finally:
            observer.close()


def test_link_is_found_under_the_name_it_was_executed_by_and_its_files(tmp_path: Path) -> None:
    with Workload("exact-file") as workload:
        link = tmp_path / "exact-link"
        link.symlink_to(workload.program)
        workload.do(f"exec {link}")
        for comm in ("exact-link", "exact-file"):
            observer = Observer(Selection(comms=(comm,)))
            try:
                assert observer.started(workload.pid).comm == "exact-link"
            finally:
                observer.close()
