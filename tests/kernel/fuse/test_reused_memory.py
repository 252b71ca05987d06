"""The kernel uses the address of an mm again: what is set for a process is set for no other.

A snapshot may have a process that has ended. Where another one has its mm's address by then,
neither the bound, nor the mark, nor the end of a stop reach that one.
"""

import signal

import pytest

from ebpftrace.act.fuse.bounds import EXEMPT
from ebpftrace.events import Breached, ProcessKey
from tests.support.fuses import BOUND, blown, fuses, resume_without_bound, runs_away
from tests.support.observer import Observer
from tests.support.process_state import stops
from tests.support.workload import Workload


@pytest.fixture
def ended(
    observer: Observer, workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> ProcessKey:
    """A process that had the mm that the workload has now, as the probe still has it."""
    key = observer.started(workload.pid).key
    mm = observer.probe._processes.mm_of(key)
    ended = ProcessKey(key.pid, key.start_boottime_ns - 1)
    mms = {ended: mm, key: mm}
    monkeypatch.setattr(fuses(observer), "_mm_of", mms.get)
    monkeypatch.setattr(observer.probe._processes, "mm_of", mms.get)
    return ended


def test_bounds_are_set_for_no_other_process(
    observer: Observer, workload: Workload, ended: ProcessKey
) -> None:
    fuses(observer).arm_process(ended, 0, 0, EXEMPT)
    runs_away(workload)
    event = blown(observer, workload.pid)
    assert stops(workload.pid)
    assert event.bound_bytes == BOUND
    resume_without_bound(observer, event.key)
    workload.answer()


def test_stop_of_another_process_does_not_end(
    observer: Observer, workload: Workload, ended: ProcessKey
) -> None:
    runs_away(workload)
    event = blown(observer, workload.pid)
    before = stopped_pids(observer)
    assert workload.pid in before
    fuses(observer).clear_stop(ended)
    assert stopped_pids(observer) == before
    resume_without_bound(observer, event.key)
    assert workload.pid not in stopped_pids(observer)
    workload.answer()


def test_mark_is_set_for_no_other_process(
    observer: Observer, workload: Workload, ended: ProcessKey
) -> None:
    fuses(observer).arm_process(observer.started(workload.pid).key, 0, 0, signal.SIGSTOP)
    observer.probe.mark_process(ended, 1)
    observer.read()
    assert not observer.all(Breached, lambda event: event.key.pid == workload.pid)
    observer.probe.mark_process(observer.started(workload.pid).key, 1)
    assert observer.last(Breached, lambda event: event.key.pid == workload.pid)


def stopped_pids(observer: Observer) -> set[int]:
    """The pids in the map of stopped processes."""
    entries = fuses(observer)._stopped.items()
    return {int.from_bytes(key, "little") for key, _ in entries}
