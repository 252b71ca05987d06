"""Which bounds are sent to the kernel and when raised ones are dropped."""

import signal

import pytest

from ebpftrace.act.fuse.arming import Arming, RaisedFuses
from ebpftrace.act.fuse.bounds import EXEMPT, Bounds, GroupBound, ProcessBound
from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.events import ProcessKey
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from tests.support.stops import RecordedKernel
from tests.support.watches import identity, job, process, snapshot

STOP = int(signal.SIGSTOP)
GROUP = identity().cgroup_id
KEY = ProcessKey(4711, 100)
PROCESSES = {KEY: ProcessBound(0, 0, STOP)}


def bounds(group_bytes: int) -> Bounds:
    return Bounds({GROUP: GroupBound(group_bytes, STOP)}, PROCESSES, frozenset({"build-42"}))


@pytest.fixture
def control() -> RecordedKernel:
    return RecordedKernel()


@pytest.fixture
def arming(control: RecordedKernel) -> Arming:
    return Arming(control)


def test_only_changed_bounds_are_sent(arming: Arming, control: RecordedKernel) -> None:
    arming.arm(bounds(GIB), 0)
    assert control.taken() == [
        ("arm process", KEY.pid, 0, 0, STOP),
        ("arm group", GROUP, GIB, STOP),
    ]
    assert arming.unlimited == {"build-42"}
    arming.arm(bounds(GIB), 0)
    assert control.taken() == []
    arming.arm(bounds(2 * GIB), 0)
    assert control.taken() == [("arm group", GROUP, 2 * GIB, STOP)]
    arming.arm(Bounds({}, {KEY: ProcessBound(0, 0, EXEMPT)}), 0)
    assert control.taken() == [
        ("arm process", KEY.pid, 0, 0, EXEMPT),
        ("arm group", GROUP, 0, 0),
    ]


def test_bounds_are_sent_again_after_exec(arming: Arming, control: RecordedKernel) -> None:
    """The new memory of the process has only the kernel's default."""
    arming.arm(bounds(GIB), 0)
    control.taken()
    arming.executed(KEY)
    arming.executed(ProcessKey(1, 1))  # has no bound
    arming.arm(bounds(GIB), 0)
    assert control.taken() == [("arm process", KEY.pid, 0, 0, STOP)]


def test_bound_of_a_process_is_set_at_once_and_known_to_be_set(
    arming: Arming, control: RecordedKernel
) -> None:
    arming.arm_process(KEY, ProcessBound(GIB, 0, STOP))
    assert control.taken() == [("arm process", KEY.pid, GIB, 0, STOP)]
    arming.arm(Bounds({}, {KEY: ProcessBound(GIB, 0, STOP)}), 0)
    assert control.taken() == []


def test_bounds_of_a_cgroup_are_set_at_once_and_known_to_be_set(
    arming: Arming, control: RecordedKernel
) -> None:
    raised = bounds(2 * GIB)
    arming.arm(bounds(GIB), 0)
    control.taken()
    arming.arm_cgroup(raised, GROUP)
    assert control.taken() == [("arm group", GROUP, 2 * GIB, STOP)]
    arming.arm(raised, 0)
    assert control.taken() == []
    arming.arm(bounds(GIB), 0)
    assert control.taken() == [("arm group", GROUP, GIB, STOP)]


def test_no_bound_is_lowered_while_memory_is_freed(
    arming: Arming, control: RecordedKernel
) -> None:
    arming.arm(bounds(GIB), 0)
    control.taken()
    arming.freeing(GROUP, NS_PER_SECOND)
    arming.arm(bounds(GIB // 2), 2 * NS_PER_SECOND)
    assert control.taken() == []
    arming.arm(bounds(2 * GIB), 3 * NS_PER_SECOND)
    assert control.taken() == [("arm group", GROUP, 2 * GIB, STOP)]
    arming.arm(bounds(GIB // 2), 4 * NS_PER_SECOND)
    assert control.taken() == [("arm group", GROUP, GIB // 2, STOP)]


def test_disarm_removes_all_bounds(arming: Arming, control: RecordedKernel) -> None:
    arming.arm(bounds(GIB), 0)
    control.taken()
    arming.disarm()
    assert control.taken() == [
        ("arm process", KEY.pid, 0, 0, EXEMPT),
        ("arm group", GROUP, 0, 0),
    ]
    arming.disarm()
    assert control.taken() == []


RAISED = Fuse(2 * GIB, False)


def raised() -> RaisedFuses:
    made = RaisedFuses()
    made.set(GROUP, RAISED, measured_bytes=GIB)
    return made


def test_raised_fuse_is_dropped_when_usage_drops() -> None:
    full, less = process(resident=1100 * MIB), process(resident=100 * MIB)
    made = raised()
    made.drop_unneeded(snapshot(job(processes=[full])), ())
    assert made.fuses == {GROUP: RAISED}
    made.drop_unneeded(snapshot(job(processes=[less])), ())
    assert made.fuses == {}


def test_raised_fuse_is_kept_while_a_process_is_stopped_at_it() -> None:
    made = raised()
    made.drop_unneeded(snapshot(), {GROUP})
    assert made.fuses == {GROUP: RAISED}
    made.drop_unneeded(snapshot(), ())
    assert made.fuses == {}


def test_raised_fuse_of_a_process_is_kept_while_its_cgroup_is_charged_as_much() -> None:
    """The bound may be of either."""
    small, made = process(resident=100 * MIB), RaisedFuses()
    made.set(small.key, RAISED, measured_bytes=GIB)
    made.drop_unneeded(snapshot(job(processes=[small], cache=GIB)), ())
    assert made.fuses == {small.key: RAISED}
    made.drop_unneeded(snapshot(job(processes=[small])), ())
    assert made.fuses == {}


def test_raised_fuse_is_forgotten_with_what_it_was_of() -> None:
    made = raised()
    made.forget(GROUP)
    made.forget(GROUP)
    assert made.fuses == {}
