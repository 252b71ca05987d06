"""A stopped process that another program resumes again and again is killed by the kernel."""

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress

import pytest

from ebpftrace.events import FuseBlown, ProcessKey
from ebpftrace.probe import AfterResumes
from tests.support.cgroups import memory_cgroup
from tests.support.fuses import BOUND, COMM, MIB, beyond, blown, fuses, runs_away
from tests.support.observer import Observer
from tests.support.process_state import lives, state, stops, until
from tests.support.workload import Workload

HELPER = "import os, signal, sys\nwhile True: os.kill(int(sys.argv[1]), signal.SIGCONT)"


def stop(observer: Observer, workload: Workload, resumed: AfterResumes) -> ProcessKey:
    """Stopped at its bound; what it is resumed by comes next."""
    key = observer.started(workload.pid).key
    fuses(observer).arm_process(key, BOUND, 0, signal.SIGSTOP, 0, resumed)
    runs_away(workload)
    assert stops(workload.pid)
    return key


def until_it_ends(key: ProcessKey, helpers: int) -> None:
    """Programs resume it in a loop, until it has ended."""
    running = [
        subprocess.Popen(["python3", "-c", HELPER, str(key.pid)], stderr=subprocess.DEVNULL)
        for _ in range(helpers)
    ]
    try:
        until(lambda: not lives(key.pid))
    finally:
        for helper in running:
            helper.kill()
            helper.wait()


@pytest.mark.parametrize("helpers", [1, 3])
def test_process_that_is_resumed_in_a_loop_is_killed(
    observer: Observer, workload: Workload, helpers: int
) -> None:
    key = stop(observer, workload, AfterResumes.KILL)
    until_it_ends(key, helpers)
    event = observer.last(FuseBlown, lambda event: event.key == key and event.killed)
    assert event.resumed == 5
    assert event.held_bytes < BOUND + 16 * MIB


def test_process_that_is_resumed_once_or_twice_is_stopped_again(
    observer: Observer, workload: Workload
) -> None:
    """By a shell's `fg`, also to the process group."""
    key = stop(observer, workload, AfterResumes.KILL)
    for send in (os.kill, os.killpg):
        held = beyond(observer, workload.pid)
        send(workload.pid, signal.SIGCONT)
        until(lambda held=held: beyond(observer, workload.pid) > held)  # type: ignore[misc]
        assert stops(workload.pid)
    assert not blown(observer, key.pid).killed


@pytest.mark.parametrize(
    ("limit", "killed"),
    [(BOUND * 5 // 4, True), (BOUND * 16, False), (None, False)],
    ids=["near", "far", "no limit"],
)
def test_by_default_it_is_killed_only_where_the_limit_is_near(
    observer: Observer, limit: int | None, killed: bool
) -> None:
    with memory_cgroup() as group:
        if limit is not None:
            group.limit(limit)
        with Workload(COMM, cgroup=group) as workload:
            workload.do("map 100MiB")
            key = stop(observer, workload, AfterResumes.KILL_NEAR_LIMIT)
            resume_often(key, lambda: not killed and beyond(observer, key.pid) > MIB // 2)
            assert lives(key.pid) is not killed
            assert killed or state(key.pid) in "TR"


def resume_often(key: ProcessKey, enough: Callable[[], bool]) -> None:
    """Until it has ended, or what it took shows that it was resumed often enough."""
    while lives(key.pid) and not enough():
        with suppress(ProcessLookupError):
            os.kill(key.pid, signal.SIGCONT)
