"""What has the memory of a process after that was signalled, as the kernel side knows it."""

import os
import signal

import pytest

from ebpftrace.events import ProcessExited, ProcessKey
from ebpftrace.probe import HeirControl
from tests.kernel.fuse.test_sharing import sharer_of
from tests.support.fuses import COMM, MIB
from tests.support.observer import Observer
from tests.support.process_state import lives, until
from tests.support.workload import Workload

HELD = 16 * MIB


def heirs_of(observer: Observer) -> HeirControl:
    assert observer.probe.heirs is not None
    return observer.probe.heirs


def pids(observer: Observer, number: int) -> set[int]:
    return {heir.key.pid for heir in heirs_of(observer).heirs(number)}


def holder(workload: Workload, observer: Observer) -> ProcessKey:
    workload.do(f"map {HELD}")
    workload.do("touch 0")
    return observer.started(workload.pid).key


def test_copies_made_since_are_found_in_all_generations(observer: Observer) -> None:
    with Workload(COMM) as workload:
        key = holder(workload, observer)
        workload.do("fork")  # before it was signalled
        number = heirs_of(observer).expect([key])
        assert pids(observer, number) == {key.pid}
        (child,) = map(int, workload.do("fork"))
        (parent,) = map(int, workload.do("fork; fork"))
        until(lambda: len(pids(observer, number)) == 4)
        os.kill(parent, signal.SIGKILL)  # its child remains
        workload.send("exit 0")
        workload.wait()
        observer.last(ProcessExited, lambda event: event.key == key)
        until(lambda: parent not in pids(observer, number))
        found = heirs_of(observer).heirs(number)
        assert len(found) == 2
        assert child in {heir.key.pid for heir in found}
        assert all(heir.held_bytes >= HELD for heir in found)
        assert pids(observer, heirs_of(observer).expect([])) == set()


def test_child_that_executes_a_program_is_no_heir(observer: Observer) -> None:
    with Workload(COMM) as workload:
        key = holder(workload, observer)
        number = heirs_of(observer).expect([key])
        for tool in (workload.named("tool"), workload.program):
            workload.do(f"spawn {tool}; sleep 60000")
            workload.do(f"fork; exec {tool}; sleep 60000")
        until(lambda: pids(observer, number) == {key.pid})


def test_process_that_shares_the_memory_is_an_heir_once_its_owner_has_ended(
    observer: Observer,
) -> None:
    with Workload(COMM) as workload:
        key = holder(workload, observer)
        number = heirs_of(observer).expect([key])
        sharer = sharer_of(workload, hold_ms=60_000)
        try:
            workload.send("exit 0")
            workload.wait()
            (heir,) = heirs_of(observer).heirs(number)
            assert (heir.key.pid, heir.held_bytes >= HELD) == (sharer, True)
            observer.read()  # it is the owner from here on
            assert pids(observer, number) == {sharer}
        finally:
            os.kill(sharer, signal.SIGKILL)
        until(lambda: not lives(sharer))
        observer.read()
        assert pids(observer, number) == set()


def test_what_was_mapped_shared_at_the_signal_or_the_fork_is_known_of_its_copies(
    observer: Observer,
) -> None:
    """They show none of it. Where the program is in a tmpfs, that is shared memory as well."""
    with Workload(COMM) as workload:
        workload.do(f"shmem {HELD}")
        workload.do("touch 0")
        shared = observer.counters(workload.pid).usage.shmem_bytes
        assert shared >= HELD
        key = observer.started(workload.pid).key
        number = heirs_of(observer).expect([key])
        workload.do("unmap 0")
        (child,) = map(int, workload.do("fork; fork"))
        until(lambda: len(pids(observer, number)) == 3)
        assert [it.shared_bytes for it in heirs_of(observer).heirs(number)] == [shared] * 3
        workload.do(f"shmem {2 * HELD}")
        workload.do("touch 1")
        (later,) = map(int, workload.do("fork"))
        found = {it.key.pid: it for it in heirs_of(observer).heirs(number)}
        assert found[child].shared_bytes == shared
        assert found[later].shared_bytes >= 2 * HELD - observer.lag_bytes
        assert found[later].held_bytes < HELD
        shared = observer.counters(workload.pid).usage.shmem_bytes
        number = heirs_of(observer).expect([key])  # of another incident
        (it,) = heirs_of(observer).heirs(number)
        assert it.shared_bytes == shared >= 2 * HELD


@pytest.mark.parametrize("moment", ["touch 0", "fork; touch 0"])
def test_what_is_to_end_is_killed_at_its_next_page_or_fork(
    observer: Observer, moment: str
) -> None:
    with Workload(COMM) as workload:
        workload.do(f"map {HELD}")
        key = observer.started(workload.pid).key
        heirs = heirs_of(observer)
        workload.do("fork")
        number = heirs.expect([key])
        assert heirs.forks(number) == 0
        earlier = set(map(int, workload.do("fork; fork")))
        assert heirs.forks(number) == 2
        heirs.end(heirs.expect([]))  # of another incident
        workload.do("touch 0 0 4KiB")
        heirs.end(number)
        workload.send(moment)
        assert workload.wait() == -signal.SIGKILL
        if dict(observer.probe.features)["mappings"] == "mmap_lock_released":
            assert heirs.forks(number) == 2  # it was killed before it had a child
        until(lambda: len(pids(observer, number)) == 2)  # which took no page
        assert earlier <= pids(observer, number)


def test_child_that_executes_a_program_is_not_killed_then(observer: Observer) -> None:
    with Workload(COMM) as workload:
        key = holder(workload, observer)
        heirs = heirs_of(observer)
        number = heirs.expect([key])
        (child,) = map(int, workload.do(f"fork; exec {workload.program}; sleep 60000"))
        heirs.end(number)
        until(lambda: pids(observer, number) == {key.pid})
        assert lives(child)
