"""Which processes are tracked: by name, pid or cgroup, with children, and not once dropped."""

import subprocess
from pathlib import Path

import pytest

from ebpftrace.events import (
    ProcessExited,
    ProcessStarted,
)
from ebpftrace.probe import Selection
from ebpftrace.units import MIB
from tests.support.build import headless_binary
from tests.support.cgroups import memory_cgroup
from tests.support.names import COMM
from tests.support.observer import Observer
from tests.support.process_state import state, until
from tests.support.workload import Workload


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


def _children(pid: int) -> list[int]:
    return [
        int(one)
        for one in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    ]


def test_running_children_are_found_whatever_their_name() -> None:
    with Workload("parent") as workload:
        tool = workload.named("go")
        (child,) = map(int, workload.do(f"spawn {tool}; fork; sleep 60000"))
        until(lambda: _children(child))
        grandchildren = _children(child)
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
        until(lambda: state(process.pid) == "Z")
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


@pytest.mark.parametrize("by_helper", [False, True])
def test_process_without_its_main_thread_is_watched_once_it_is_moved_into_a_cgroup(
    by_helper: bool,
) -> None:
    with memory_cgroup() as group, memory_cgroup() as outside:
        selection = Selection(cgroups=(group.name,))
        observer = Observer(selection, cgroup_ids=(group.id,), by_helper=by_helper)
        process = subprocess.Popen(outside.inside([headless_binary()]))
        try:
            until(lambda: state(process.pid) == "Z")
            assert not observer.tracks(process.pid)
            group.add(process.pid)
            started = observer.started(process.pid)
            assert (started.how, started.cgroup_id) == ("moved", group.id)
            assert started.comm == headless_binary().name[:15]
        finally:
            observer.close()
            process.kill()
            process.wait()


@pytest.mark.parametrize("levels", [1, 20, 70])
def test_cgroups_below_a_selected_cgroup_are_watched_however_deep(levels: int) -> None:
    """Those that are there when the watch begins, and those that are made later."""
    with (
        memory_cgroup() as group,
        memory_cgroup(parent=group, name=below("early", levels)) as early,
        Workload("early", cgroup=early) as found,
    ):
        observer = Observer(Selection(cgroups=(group.name,)), cgroup_ids=(group.id,))
        try:
            assert observer.started(found.pid).how == "found"
            with (
                memory_cgroup(parent=group, name=below("later", levels)) as later,
                Workload("later", cgroup=later) as started,
            ):
                assert observer.tracks(started.pid)
        finally:
            observer.close()


def test_cgroup_in_the_midst_of_others_is_selected_with_all_below() -> None:
    with (
        memory_cgroup() as group,
        memory_cgroup(parent=group, name="a/b") as chosen,
        memory_cgroup(parent=chosen, hand_down=False) as inner,
        memory_cgroup(parent=group, name="a/b") as beside,
    ):
        selection = Selection(cgroups=(chosen.name, "/nothing"))
        observer = Observer(selection, cgroup_ids=(chosen.id, 1 << 40))
        try:
            with (
                Workload("chosen", cgroup=chosen) as workload,
                Workload("inner", cgroup=inner) as deeper,
                Workload("beside", cgroup=beside) as other,
            ):
                assert observer.tracks(workload.pid)
                assert observer.tracks(deeper.pid)
                assert not observer.tracks(other.pid)
        finally:
            observer.close()


def below(name: str, levels: int) -> str:
    return "/".join([name] * levels)


def test_dropped_process_is_not_reported_again() -> None:
    observer = Observer(Selection(comms=(COMM,)))
    try:
        with Workload(COMM) as workload:
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
