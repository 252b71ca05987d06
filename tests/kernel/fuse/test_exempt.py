"""Which processes may be Go crash monitors, and how little a fuse spares of them."""

import signal
from pathlib import Path

import pytest

from ebpftrace.events import FuseBlown, ProcessStarted
from tests.support.cgroups import memory_cgroup
from tests.support.fuses import BOUND, COMM, MIB, blown, fuses
from tests.support.observer import Observer
from tests.support.process_state import stops
from tests.support.workload import PAGE, Workload


def spawned(observer: Observer, workload: Workload, script: str) -> ProcessStarted:
    """The last process that started by exec, of those that a script of spawns starts."""
    observer.forget()
    (pid, *_) = workload.do(script)
    return observer.last(
        ProcessStarted, lambda event: event.key.pid >= int(pid) and event.how == "exec"
    )


def test_child_with_its_watched_parents_program_is_told_from_others(
    observer: Observer, workload: Workload
) -> None:
    assert not observer.started(workload.pid).same_program  # its parent is not watched
    assert spawned(observer, workload, f"spawn {workload.program}").same_program


def test_copy_of_the_program_is_another(observer: Observer, workload: Workload) -> None:
    with Workload(COMM) as other:  # its program is a copy with the same name and contents
        assert not spawned(observer, workload, f"spawn {other.program}").same_program


def test_link_to_the_program_is_the_same(
    observer: Observer, workload: Workload, tmp_path: Path
) -> None:
    link = tmp_path / COMM
    link.symlink_to(workload.program)
    assert spawned(observer, workload, f"spawn {link}").same_program


def test_child_of_such_a_child_is_none(observer: Observer, workload: Workload) -> None:
    observer.forget()
    workload.do(f"spawn {workload.program}; spawn {workload.program}")
    pids = {event.key.pid: event for event in observer.all(ProcessStarted)}
    last = observer.last(
        ProcessStarted,
        lambda event: event.how == "exec" and event.parent_pid != workload.pid,
    )
    assert not last.same_program, pids


@pytest.mark.parametrize("of_group", [False, True], ids=["own bound", "sum of its cgroup"])
def test_fuse_spares_a_process_only_while_it_is_small(
    observer: Observer, of_group: bool
) -> None:
    with memory_cgroup() as group, Workload(COMM, cgroup=group) as workload:
        key = observer.started(workload.pid).key
        workload.do("map 100MiB")
        observer.read()
        least = 8 * MIB
        if of_group:
            fuses(observer).arm_process(key, 0, 0, signal.SIGSTOP, least)
            fuses(observer).arm_group(group.id, MIB, signal.SIGSTOP)
        else:
            fuses(observer).arm_process(key, MIB, 0, signal.SIGSTOP, least)
        workload.do("touch 0 0 6MiB")
        assert not observer.all(FuseBlown, lambda event: event.key == key)
        workload.send("touch 0")
        assert stops(workload.pid)
        held = blown(observer, workload.pid).held_bytes
        assert least <= held <= least + 4 * PAGE + observer.lag_bytes
        assert held < BOUND
