"""Stops of processes that share the memory of a tracked one, which the ledger does not have."""

import os

import pytest

from ebpftrace.act.fuse.controller import FuseController
from ebpftrace.act.fuse.events import FuseEventKind
from ebpftrace.act.fuse.states import StopState
from ebpftrace.events import FuseBlown, ProcessKey
from ebpftrace.host import proc
from tests.support.stops import GOPLS, POLICY, SNAPSHOT, RecordedKernel, blown
from tests.support.watches import MONOTONIC_NS

KEY = GOPLS.key
ENDED = ProcessKey(1 << 22, 5)


@pytest.fixture
def kernel() -> RecordedKernel:
    return RecordedKernel()


@pytest.fixture
def fuse(kernel: RecordedKernel) -> FuseController:
    return FuseController(kernel, kernel, unix_ns=lambda ns: ns)


def living() -> ProcessKey:
    stat = proc.read_stat(os.getpid())
    assert stat is not None
    return ProcessKey(os.getpid(), stat.start_boottime_ns)


def stop(key: ProcessKey) -> FuseBlown:
    return blown(GOPLS, key=key, owner=KEY)


def test_sharer_is_stopped_under_the_policy_of_its_owner(fuse: FuseController) -> None:
    sharer = living()
    fuse.kernel_stop(stop(sharer))
    (event,) = fuse.identify([POLICY], SNAPSHOT)
    assert (event.kind, event.process, event.comm) == (FuseEventKind.STOPPED, sharer, "gopls")
    (process,) = fuse.stopped
    assert (process.key, process.owner, process.of_owner.process) == (sharer, KEY, KEY)


def test_sharers_of_a_target_are_targets_and_are_resumed_with_it(
    fuse: FuseController, kernel: RecordedKernel
) -> None:
    sharer = living()
    for one in (blown(GOPLS), stop(sharer)):
        fuse.kernel_stop(one)
    fuse.identify([POLICY], SNAPSHOT)
    fuse.target([KEY])
    assert (fuse.state(KEY), fuse.state(sharer)) == (StopState.TARGET, StopState.TARGET)
    resumed = fuse.resume(KEY, MONOTONIC_NS)
    assert [event.process for event in resumed] == [KEY, sharer]
    assert [call for call in kernel.calls if call[0] == "resume"] == [
        ("resume", KEY.pid), ("resume", sharer.pid),
    ]  # fmt: skip


def test_sharer_that_has_ended_is_forgotten_with_the_next_snapshot(
    fuse: FuseController, kernel: RecordedKernel
) -> None:
    """The kernel side reports the end of tracked processes only."""
    fuse.kernel_stop(stop(ENDED))
    kinds = [event.kind for event in fuse.identify([POLICY], SNAPSHOT)]
    assert kinds == []
    assert fuse.state(ENDED) is StopState.RUNNING
    assert kernel.calls[-2:] == [("clear stop", ENDED.pid), ("release", ENDED.pid)]
    assert not fuse.has_unidentified
