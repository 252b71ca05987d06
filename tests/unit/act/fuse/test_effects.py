"""Which bound a resumed process gets, and when that bound comes down again."""

from dataclasses import replace

import pytest

from ebpftrace.act.fuse.bounds import UNREACHABLE
from ebpftrace.act.fuse.controller import FuseController
from ebpftrace.act.policy.fuse import Fuse, FuseResumed
from ebpftrace.events import FuseScope
from ebpftrace.ledger import Snapshot
from ebpftrace.probe import AfterResumes
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from tests.support.stops import (
    GOPLS,
    LEFT_BYTES,
    POLICY,
    SIGSTOP,
    SNAPSHOT,
    RecordedKernel,
    blown,
    no_refusal,
)
from tests.support.watches import MONOTONIC_NS, job, process, snapshot

KEY, PID = GOPLS.key, GOPLS.pid
HELD = GOPLS.own.held_bytes


@pytest.fixture
def kernel() -> RecordedKernel:
    return RecordedKernel()


@pytest.fixture
def fuse(kernel: RecordedKernel) -> FuseController:
    return FuseController(kernel, kernel, unix_ns=lambda ns: ns)


def group_bounds(kernel: RecordedKernel) -> list[object]:
    """Bytes that were set since, in order."""
    bounds = [call[2] for call in kernel.calls if call[0] == "arm group"]
    kernel.calls.clear()
    return bounds


def resume(fuse: FuseController, now: Snapshot = SNAPSHOT, **changes: object) -> int | None:
    """Stop and resume GOPLS; `now` is the snapshot in between; its next bound."""
    fuse.kernel_stop(blown(GOPLS, **changes))
    fuse.identify([POLICY], SNAPSHOT)
    fuse.identify([POLICY], now)
    (event,) = fuse.resume(KEY, MONOTONIC_NS)
    return event.next_bound_bytes


def test_raised_bound_is_half_way_to_the_limit(
    fuse: FuseController, kernel: RecordedKernel
) -> None:
    """What untracked processes hold is not left for it."""
    assert resume(fuse) == HELD + LEFT_BYTES // 2
    assert group_bounds(kernel) == [HELD + LEFT_BYTES // 2]


def test_bound_stays_if_usage_has_dropped_since(
    fuse: FuseController, kernel: RecordedKernel
) -> None:
    less = snapshot(job(processes=[process(resident=100 * MIB)], limit=2 * GIB))
    assert resume(fuse, less) == GIB
    assert group_bounds(kernel) == []


def test_process_near_its_limit_gets_a_bound_that_it_cannot_reach(
    fuse: FuseController, kernel: RecordedKernel
) -> None:
    full = snapshot(job(processes=[process(resident=2400 * MIB)], limit=2 * GIB))
    assert resume(fuse, full) is None
    assert group_bounds(kernel) == [UNREACHABLE]


def test_usage_is_the_kernels_until_a_snapshot_is_younger_than_the_stop(
    fuse: FuseController,
) -> None:
    after = MONOTONIC_NS + NS_PER_SECOND
    measured = 1800 * MIB
    bound = resume(fuse, measured_bytes=measured, time_ns=after)
    assert bound == measured + (LEFT_BYTES - (measured - HELD)) // 2


@pytest.mark.parametrize(
    ("scope", "call"),
    [
        (FuseScope.PROCESS, ("arm process", PID, HELD + LEFT_BYTES // 2, 0, SIGSTOP)),
        (FuseScope.CHARGE, ("arm process", PID, 0, 1824 * MIB, SIGSTOP)),
    ],
)
def test_raised_bound_is_compared_with_what_was_crossed(
    scope: FuseScope,
    call: tuple[object, ...],
    fuse: FuseController,
    kernel: RecordedKernel,
) -> None:
    policy = replace(POLICY, fuse=Fuse(GIB, False, scope))
    one = job(processes=[GOPLS], limit=2 * GIB)
    charged = replace(one, cgroup=one.cgroup._replace(charge_bytes=1600 * MIB))
    fuse.kernel_stop(blown(GOPLS, scope=scope))
    fuse.identify([policy], snapshot(charged))
    kernel.calls.clear()
    fuse.resume(KEY, MONOTONIC_NS)
    assert kernel.calls[0] == call


@pytest.mark.parametrize("resumed", FuseResumed)
def test_raised_bound_keeps_what_happens_to_a_process_that_is_resumed_often(
    resumed: FuseResumed, fuse: FuseController, kernel: RecordedKernel
) -> None:
    own = Fuse(GIB, False, FuseScope.PROCESS, resumed=resumed)
    fuse.kernel_stop(blown(GOPLS, scope=FuseScope.PROCESS))
    fuse.identify([replace(POLICY, fuse=own)], SNAPSHOT)
    fuse.resume(KEY, MONOTONIC_NS)
    assert kernel.resumed is AfterResumes[resumed.name]


def test_raised_bound_comes_down_with_usage(
    fuse: FuseController, kernel: RecordedKernel
) -> None:
    resume(fuse)
    group_bounds(kernel)
    less = snapshot(job(processes=[process(resident=100 * MIB)], limit=2 * GIB))
    for now, bounds in ((SNAPSHOT, []), (less, [GIB])):
        fuse.arm([POLICY], now, no_refusal)
        assert group_bounds(kernel) == bounds


def test_raised_bound_is_forgotten_when_its_process_ends(
    fuse: FuseController, kernel: RecordedKernel
) -> None:
    policy = replace(POLICY, fuse=Fuse(GIB, False, FuseScope.PROCESS))
    fuse.kernel_stop(blown(GOPLS, scope=FuseScope.PROCESS))
    fuse.identify([policy], SNAPSHOT)
    fuse.resume(KEY, MONOTONIC_NS)
    fuse.ended(KEY, MONOTONIC_NS)
    kernel.calls.clear()
    fuse.arm([policy], SNAPSHOT, no_refusal)
    assert kernel.calls == [("arm process", PID, GIB, 0, SIGSTOP)]


def test_bound_of_a_group_is_not_lowered_while_an_ended_process_frees_its_memory(
    fuse: FuseController, kernel: RecordedKernel
) -> None:
    """The kernel reports the end of a process before it has freed its memory."""
    share = replace(POLICY, fuse=Fuse(0.9, True))
    large, small = process(1, 1200 * MIB), process(2, 100 * MIB)
    before = snapshot(job(processes=[large, small]))
    fuse.identify([share], before)
    fuse.arm([share], before, no_refusal)
    (bound,) = group_bounds(kernel)
    fuse.ended(large.key, MONOTONIC_NS)
    left = snapshot(job(processes=[small]))
    charged = left._replace(jobs=(replace(left.jobs[0], cgroup=before.jobs[0].cgroup),))
    soon = charged._replace(monotonic_ns=MONOTONIC_NS + NS_PER_SECOND)
    fuse.arm([share], soon, no_refusal)
    assert group_bounds(kernel) == []
    later = charged._replace(monotonic_ns=MONOTONIC_NS + 4 * NS_PER_SECOND)
    fuse.arm([share], later, no_refusal)
    (lower,) = group_bounds(kernel)
    assert isinstance(lower, int)
    assert isinstance(bound, int)
    assert lower < bound


def test_bounds_are_set_anew_for_a_process_that_executed(
    fuse: FuseController, kernel: RecordedKernel
) -> None:
    fuse.arm([POLICY], SNAPSHOT, no_refusal)
    kernel.calls.clear()
    fuse.arm([POLICY], SNAPSHOT, no_refusal)
    assert kernel.calls == []
    fuse.executed(KEY)
    fuse.arm([POLICY], SNAPSHOT, no_refusal)
    assert kernel.calls == [("arm process", PID, 0, 0, SIGSTOP)]


def test_jobs_without_a_limit_are_listed(fuse: FuseController) -> None:
    share = replace(POLICY, fuse=Fuse(0.9, True))
    fuse.arm([share], snapshot(job(processes=[GOPLS], limit=None)), no_refusal)
    assert fuse.unlimited == {"build-42"}
