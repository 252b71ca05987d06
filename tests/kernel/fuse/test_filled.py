"""A process whose memory another one fills is held to its bound; the one that writes is not.

The tests write themselves: a fuse that stopped the writer would stop them.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from ebpftrace.events import FuseBlown, FuseScope, ProcessKey
from ebpftrace.probe import AfterResumes, watchdog
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.fuses import (
    BOUND,
    COMM,
    MIB,
    blown,
    fuses,
    resume_without_bound,
    runs_away,
)
from tests.support.observer import Observer
from tests.support.process_state import lives, state, stops, until
from tests.support.workload import PAGE, Workload
from tests.support.writers import WRITERS, Writer, write_by_call

FILLED = 8
"""FILLED_PAGES in bpf/filled.h: what another process may change before that counts."""
FILLED_MOST = 1024
UNARMED = 1 << 40


def mapped(workload: Workload) -> int:
    """The address of another 100 MiB of it."""
    return int(workload.do("map 100MiB")[1], 16)


def lag(observer: Observer) -> int:
    """Pages of others that are not seen after a reading, up to Linux 6.1."""
    return observer.lag_bytes // PAGE


def stop_records(observer: Observer, pid: int) -> list[FuseBlown]:
    observer.read()
    return observer.all(FuseBlown, lambda event: event.key.pid == pid)


def arm(observer: Observer, pid: int, own: int, number: int = signal.SIGSTOP,
        resumed: AfterResumes = AfterResumes.STOP) -> ProcessKey:  # fmt: skip
    key = observer.started(pid).key
    fuses(observer).arm_process(key, own, 0, number, 0, resumed)
    return key


@pytest.mark.parametrize("fill", WRITERS)
def test_process_that_is_filled_past_its_bound_is_stopped(
    observer: Observer, workload: Workload, fill: Writer
) -> None:
    address = mapped(workload)
    # The pages of its libraries count too, and are more in some distributions.
    fill(workload.pid, address, (BOUND - 8 * MIB) // PAGE)
    assert not stop_records(observer, workload.pid)
    fill(workload.pid, address + BOUND - 8 * MIB, 9 * MIB // PAGE)
    event = blown(observer, workload.pid)
    assert stops(workload.pid)
    assert (event.scope, event.signal, event.filled) == (
        FuseScope.PROCESS,
        signal.SIGSTOP,
        True,
    )
    assert BOUND <= event.held_bytes <= BOUND + (FILLED + 1) * PAGE
    resume_without_bound(observer, event.key)
    workload.do("touch 1")
    assert len(stop_records(observer, workload.pid)) == 1


@pytest.mark.parametrize("scope", list(FuseScope))
@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_bounds_of_all_kinds_hold(
    observer: Observer, scope: FuseScope, number: signal.Signals
) -> None:
    with memory_cgroup() as group, Workload(COMM, cgroup=group) as workload:
        address = mapped(workload)
        key = observer.started(workload.pid).key
        bound_all(observer, group, key, scope, number)
        write_by_call(workload.pid, address, 20 * MIB // PAGE)
        event = blown(observer, workload.pid)
        assert (event.scope, event.signal, event.filled) == (scope, number, True)
        assert event.held_bytes < 11 * MIB
        if number == signal.SIGKILL:
            until(lambda: not lives(workload.pid))
        else:
            assert stops(workload.pid)


def bound_all(
    observer: Observer,
    group: MemoryCgroup,
    key: ProcessKey,
    scope: FuseScope,
    number: signal.Signals,
) -> None:
    """One bound of 10 MiB, of this scope."""
    bound = 10 * MIB
    own = bound if scope is FuseScope.PROCESS else UNARMED
    charge = bound if scope is FuseScope.CHARGE else UNARMED
    fuses(observer).arm_process(key, own, charge, number)
    if scope is FuseScope.JOB:
        fuses(observer).arm_group(group.id, bound, number)


@contextmanager
def crowd(group: MemoryCgroup) -> Iterator[dict[int, int]]:
    """Pids of idle processes, with the address of a mapping of each."""
    with ExitStack() as stack:
        workloads = [stack.enter_context(Workload(COMM, cgroup=group)) for _ in range(6)]
        yield {workload.pid: mapped(workload) for workload in workloads}


@pytest.mark.parametrize("scope", [FuseScope.JOB, FuseScope.CHARGE])
@pytest.mark.parametrize(
    ("resumed", "killed"), [(AfterResumes.KILL, True), (AfterResumes.STOP, False)]
)
def test_many_of_which_each_is_filled_a_little_are_stopped_and_then_killed(
    observer: Observer, scope: FuseScope, resumed: AfterResumes, killed: bool
) -> None:
    pages = FILLED_MOST * 3 // 4
    with memory_cgroup() as group, crowd(group) as addresses:
        charge = group.charge_bytes() // 2 if scope is FuseScope.CHARGE else 0
        for pid in addresses:
            key = observer.started(pid).key
            fuses(observer).arm_process(key, 0, charge, signal.SIGSTOP, 0, resumed)
        if scope is FuseScope.JOB:
            held = sum(observer.counters(pid).usage.held_bytes for pid in addresses)
            fuses(observer).arm_group(group.id, held, signal.SIGSTOP)
        for pid, address in addresses.items():
            write_by_call(pid, address, pages)
        observer.read()
        ends = [stop_records(observer, pid)[-1].killed for pid in addresses]
        assert ends == [False, killed, killed, killed, killed, killed]
        until(lambda: len(group.pids()) == (1 if killed else 6))


@pytest.mark.parametrize(
    ("resumed", "limit", "killed"),
    [
        (AfterResumes.KILL, None, True),
        (AfterResumes.STOP, BOUND * 5 // 4, False),
        (AfterResumes.KILL_NEAR_LIMIT, BOUND * 5 // 4, True),
        (AfterResumes.KILL_NEAR_LIMIT, BOUND * 16, False),
        (AfterResumes.KILL_NEAR_LIMIT, None, False),
    ],
)
@pytest.mark.parametrize("by_itself", [False, True], ids=["filled", "grown"])
def test_stopped_process_that_is_filled_further_is_killed_as_the_policy_says(
    observer: Observer,
    resumed: AfterResumes,
    limit: int | None,
    killed: bool,
    by_itself: bool,
) -> None:
    with memory_cgroup() as group:
        if limit is not None:
            group.limit(limit)
        with Workload(COMM, cgroup=group) as workload:
            workload.do("map 100MiB")
            address = mapped(workload)
            key = arm(observer, workload.pid, BOUND, resumed=resumed)
            if by_itself:
                runs_away(workload)
                assert stops(workload.pid)
            else:
                write_by_call(workload.pid, address, BOUND // PAGE + FILLED + 1)
                address += BOUND + (FILLED + 1) * PAGE
            event = blown(observer, workload.pid)
            assert event.filled is not by_itself
            assert stops(workload.pid)
            gained = observer.counters(key.pid).usage.held_bytes - event.held_bytes
            more = FILLED_MOST - FILLED - gained // PAGE
            write_by_call(workload.pid, address, more)
            assert len(stop_records(observer, workload.pid)) == 1
            assert state(workload.pid) == "T"
            further = 2 * FILLED + lag(observer)
            write_by_call(workload.pid, address + more * PAGE, further)
            assert len(stop_records(observer, workload.pid)) == 1 + killed
            if killed:
                until(lambda: not lives(workload.pid))
                assert blown(observer, workload.pid).killed
            else:
                assert state(workload.pid) == "T"
                resume_without_bound(observer, key)


def test_debugger_that_changes_a_few_pages_stops_nothing(
    observer: Observer, workload: Workload
) -> None:
    """Not even beyond a bound that came down since its own last page."""
    address = mapped(workload)
    workload.do("touch 0 0 20MiB")
    held = observer.counters(workload.pid).usage.held_bytes
    arm(observer, workload.pid, held - MIB)
    write_by_call(workload.pid, address, FILLED - 1)
    write_by_call(workload.pid, address, FILLED - 1)  # the same pages
    assert not stop_records(observer, workload.pid)
    write_by_call(workload.pid, address, FILLED + lag(observer))
    assert blown(observer, workload.pid).filled
    assert stops(workload.pid)


def test_process_that_another_moves_to_a_full_cgroup_is_not_stopped_for_that(
    observer: Observer,
) -> None:
    with memory_cgroup() as group, Workload(COMM) as workload:
        workload.do("map 100MiB")
        address = mapped(workload)
        workload.do("touch 0 0 20MiB")
        arm(observer, workload.pid, UNARMED)
        with Workload(COMM, cgroup=group) as there:
            arm(observer, there.pid, UNARMED)
            observer.read()
            fuses(observer).arm_group(group.id, 10 * MIB, signal.SIGSTOP)
            group.add(workload.pid)
            observer.read()
            assert not stop_records(observer, workload.pid)
            write_by_call(workload.pid, address, 2 * FILLED + lag(observer))
            assert stop_records(observer, workload.pid)


def test_own_page_stops_it_before_user_space_has_read_of_the_write(
    observer: Observer, workload: Workload
) -> None:
    """That is no stop that another program has undone."""
    key = arm(observer, workload.pid, BOUND, resumed=AfterResumes.KILL)
    write_by_call(workload.pid, mapped(workload), BOUND // PAGE + FILLED + 1)
    runs_away(workload)
    assert stops(workload.pid)
    events = stop_records(observer, workload.pid)
    assert [event.signal for event in events] == [signal.SIGSTOP]
    resume_without_bound(observer, key)
    workload.answer()
    assert len(stop_records(observer, workload.pid)) == 1


def test_process_whose_kill_is_to_come_is_killed_at_its_own_page(
    observer: Observer, workload: Workload
) -> None:
    arm(observer, workload.pid, BOUND, resumed=AfterResumes.KILL)
    write_by_call(workload.pid, mapped(workload), BOUND // PAGE + FILLED_MOST + 4 * FILLED)
    runs_away(workload)
    until(lambda: not lives(workload.pid))


def test_stop_that_was_cleared_before_it_was_read_is_not_sent(
    observer: Observer, workload: Workload
) -> None:
    key = observer.started(workload.pid).key
    write_by_call(workload.pid, mapped(workload), BOUND // PAGE + FILLED + 1)
    fuses(observer).arm_process(key, 0, 0, signal.SIGSTOP)
    fuses(observer).clear_stop(key)
    assert not stop_records(observer, workload.pid)
    workload.do("touch 1")


def test_watch_that_ends_before_it_has_sent_the_stop_leaves_nothing(
    observer: Observer, workload: Workload
) -> None:
    """The watchdog's sweeps leave alone what runs."""
    write_by_call(workload.pid, mapped(workload), BOUND // PAGE + FILLED + 1)
    running: set[int] = set()
    for _ in range(2):
        watchdog.sweep(fuses(observer).fd, running)
    assert not list(fuses(observer).unreported(0))
    assert state(workload.pid) != "T"
    assert workload.pid in running


def test_watch_that_ends_after_it_has_sent_the_stop_resumes_the_process(
    observer: Observer, workload: Workload
) -> None:
    write_by_call(workload.pid, mapped(workload), BOUND // PAGE + FILLED + 1)
    key = blown(observer, workload.pid).key
    assert stops(workload.pid)
    fuses(observer).arm_process(key, 0, 0, signal.SIGSTOP)
    assert watchdog.sweep(fuses(observer).fd, set()) == 1
    workload.do("touch 1")


def test_process_that_has_ended_meanwhile_is_not_reported(observer: Observer) -> None:
    with Workload(COMM) as workload:
        write_by_call(workload.pid, mapped(workload), BOUND // PAGE + FILLED + 1)
        os.kill(workload.pid, signal.SIGKILL)
        until(lambda: not lives(workload.pid))
        assert not stop_records(observer, workload.pid)
