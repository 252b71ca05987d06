"""What happens to stopped processes; the kernel side and the holder are recorded.

That real processes stop and resume is tested in tests/kernel and tests/e2e/test_fuse.py.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ebpftrace.act.fuse.bounds import EXEMPT
from ebpftrace.act.fuse.controller import FuseController
from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.act.fuse.states import (
    FINAL,
    TRANSITIONS,
    StopState,
    StopTrigger,
    UnexpectedTriggerError,
)
from ebpftrace.act.policy.fuse import backstop
from ebpftrace.act.policy.policy import Step
from ebpftrace.events import FuseScope
from ebpftrace.ledger import KnownProcess
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from tests.support.stops import (
    GOPLS,
    GROUP,
    LEFT_BYTES,
    POLICY,
    SIGSTOP,
    SNAPSHOT,
    RecordedKernel,
    blown,
    full_job,
    no_refusal,
)
from tests.support.watches import MONOTONIC_NS, identity, job, process, snapshot

KEY, PID = GOPLS.key, GOPLS.pid
NEXT = GOPLS.own.held_bytes + LEFT_BYTES // 2
SMALL = process(resident=320 * MIB)
TWO_JOBS = snapshot(
    job(processes=[SMALL], limit=None), job("other", [process(2, 900 * MIB)], limit=None)
)
"""One cgroup; only the sum of the two has crossed the bound."""

Calls = list[tuple[object, ...]]
HOLD, RELEASE = ("hold", PID), ("release", PID)
RESUME: Calls = [("clear stop", PID), ("resume", PID)]
EXEMPTED: Calls = [("arm process", PID, 0, 0, EXEMPT), *RESUME]
ARMED = ("arm process", PID, 0, 0, SIGSTOP)  # with its cgroup: no bound of its own
RAISED: Calls = [("arm group", GROUP, NEXT, SIGSTOP), ARMED, *RESUME]
CORRECTED: Calls = [
    ("arm group", GROUP, GIB + SMALL.own.held_bytes, SIGSTOP), ARMED,
    ("arm process", 2, 0, 0, SIGSTOP), *RESUME,
]  # fmt: skip

Trigger = Callable[[FuseController], object]
TRIGGERS: dict[StopTrigger, Trigger] = {
    StopTrigger.KERNEL_STOP: lambda fuse: fuse.kernel_stop(blown(GOPLS)),
    StopTrigger.IDENTIFY: lambda fuse: fuse.identify([POLICY], SNAPSHOT),
    StopTrigger.EXEMPT: lambda fuse: fuse.identify([], SNAPSHOT),
    StopTrigger.CORRECT_BOUND: lambda fuse: fuse.identify([POLICY], TWO_JOBS),
    StopTrigger.TARGET: lambda fuse: fuse.target([KEY]),
    StopTrigger.RESUME: lambda fuse: fuse.resume(KEY, MONOTONIC_NS),
    StopTrigger.EXECUTE: lambda fuse: fuse.executed(KEY),
    StopTrigger.END: lambda fuse: fuse.ended(KEY, MONOTONIC_NS),
    StopTrigger.WATCH_END: lambda fuse: fuse.close(MONOTONIC_NS),
}
"""How each comes about."""

ON_THE_WAY = {
    StopState.RUNNING: [],
    StopState.UNIDENTIFIED: [StopTrigger.KERNEL_STOP],
    StopState.STOPPED: [StopTrigger.KERNEL_STOP, StopTrigger.IDENTIFY],
    StopState.TARGET: [StopTrigger.KERNEL_STOP, StopTrigger.IDENTIFY, StopTrigger.TARGET],
}

EXPECTED: dict[
    tuple[StopState, StopTrigger], tuple[StopState, Calls, list[FuseEventKind]]
] = {
    (StopState.RUNNING, StopTrigger.KERNEL_STOP): (StopState.UNIDENTIFIED, [HOLD], []),
    (StopState.UNIDENTIFIED, StopTrigger.IDENTIFY): (
        StopState.STOPPED, [], [FuseEventKind.STOPPED],
    ),
    (StopState.UNIDENTIFIED, StopTrigger.EXEMPT): (StopState.EXEMPT, EXEMPTED, []),
    (StopState.UNIDENTIFIED, StopTrigger.CORRECT_BOUND): (StopState.RESUMED, CORRECTED, []),
    (StopState.UNIDENTIFIED, StopTrigger.RESUME): (StopState.UNIDENTIFIED, [], []),
    (StopState.UNIDENTIFIED, StopTrigger.EXECUTE): (StopState.UNIDENTIFIED, [], []),
    (StopState.UNIDENTIFIED, StopTrigger.END): (StopState.ENDED, [RELEASE], []),
    (StopState.UNIDENTIFIED, StopTrigger.WATCH_END): (StopState.EXEMPT, EXEMPTED, []),
    (StopState.STOPPED, StopTrigger.TARGET): (StopState.TARGET, [], []),
    (StopState.STOPPED, StopTrigger.RESUME): (
        StopState.RESUMED, RAISED, [FuseEventKind.THAWED],
    ),
    (StopState.STOPPED, StopTrigger.EXECUTE): (StopState.STOPPED, [], []),
    (StopState.STOPPED, StopTrigger.END): (StopState.ENDED, [RELEASE], [FuseEventKind.ENDED]),
    (StopState.STOPPED, StopTrigger.WATCH_END): (
        StopState.RESUMED, RESUME, [FuseEventKind.THAWED],
    ),
    (StopState.TARGET, StopTrigger.TARGET): (StopState.TARGET, [], []),
    (StopState.TARGET, StopTrigger.RESUME): (
        StopState.RESUMED, RAISED, [FuseEventKind.THAWED],
    ),
    (StopState.TARGET, StopTrigger.EXECUTE): (StopState.TARGET, [], []),
    (StopState.TARGET, StopTrigger.END): (StopState.ENDED, [RELEASE], [FuseEventKind.ENDED]),
    (StopState.TARGET, StopTrigger.WATCH_END): (
        StopState.RESUMED, RESUME, [FuseEventKind.THAWED],
    ),
}  # fmt: skip
"""For each edge of the table: the next state, what is done, and what is reported."""


@pytest.fixture
def kernel() -> RecordedKernel:
    return RecordedKernel()


@pytest.fixture
def fuse(kernel: RecordedKernel) -> FuseController:
    return FuseController(kernel, kernel, unix_ns=lambda ns: ns)


def bring_to(fuse: FuseController, state: StopState) -> None:
    for trigger in ON_THE_WAY[state]:
        TRIGGERS[trigger](fuse)
    assert fuse.state(KEY) is state


def test_every_edge_of_the_table_is_tested() -> None:
    assert EXPECTED.keys() == TRANSITIONS.keys()


@pytest.mark.parametrize(("state", "trigger"), list(EXPECTED), ids=lambda it: it.name.lower())
def test_edge(
    state: StopState, trigger: StopTrigger, fuse: FuseController, kernel: RecordedKernel
) -> None:
    bring_to(fuse, state)
    kernel.calls.clear()
    events = TRIGGERS[trigger](fuse) or []
    to, calls, kinds = EXPECTED[state, trigger]
    assert kernel.calls == calls
    assert isinstance(events, list)
    assert [event.kind for event in events] == kinds
    assert fuse.state(KEY) is (StopState.RUNNING if to in FINAL else to)
    assert TRANSITIONS[state, trigger].state is to


@pytest.mark.parametrize("state", [StopState.UNIDENTIFIED, StopState.STOPPED, StopState.TARGET])
def test_second_stop_of_a_stopped_process_raises_unless_it_is_handled(
    state: StopState, fuse: FuseController, kernel: RecordedKernel
) -> None:
    bring_to(fuse, state)
    with pytest.raises(UnexpectedTriggerError):
        fuse.kernel_stop(blown(GOPLS))
    messages: list[str] = []
    handled = FuseController(kernel, kernel, unix_ns=int, unexpected=messages.append)
    bring_to(handled, state)
    handled.kernel_stop(blown(GOPLS))
    (message,) = messages
    assert f"from {state.name.lower()} by kernel_stop" in message
    assert str(PID) in message
    assert handled.state(KEY) is state
    assert not handled.has_unidentified or state is StopState.UNIDENTIFIED


@pytest.mark.parametrize("trigger", list(StopTrigger), ids=lambda it: it.name.lower())
def test_process_that_is_not_stopped_is_left_alone(
    trigger: StopTrigger, fuse: FuseController, kernel: RecordedKernel
) -> None:
    if trigger is not StopTrigger.KERNEL_STOP:
        assert not TRIGGERS[trigger](fuse)
        assert kernel.calls == []
    assert fuse.stopped == ()


def stop(fuse: FuseController) -> FuseEvent:
    fuse.kernel_stop(blown(GOPLS))
    (event,) = fuse.identify([POLICY], SNAPSHOT)
    return event


def test_stop_is_reported_once_with_what_the_snapshot_knows(fuse: FuseController) -> None:
    event = stop(fuse)
    assert (event.comm, event.limit_bytes, event.process) == ("gopls", 2 * GIB, KEY)
    assert "was stopped: its job holds 1 GiB (fuse 1 GiB)" in event.sentence
    assert fuse.identify([POLICY], SNAPSHOT) == []
    (stopped,) = fuse.stopped
    assert (stopped.key, stopped.job, stopped.bound_key) == (KEY, identity().key, GROUP)


def test_stopped_processes_are_in_the_order_of_their_stops(fuse: FuseController) -> None:
    both = [process(number, 1200 * MIB) for number in (2, 1)]
    for one in both:
        fuse.kernel_stop(blown(one))
    fuse.identify([POLICY], snapshot(job(processes=sorted(both, key=lambda it: it.pid))))
    assert [stopped.key for stopped in fuse.stopped] == [one.key for one in both]


def test_resumed_process_reports_its_next_bound_and_how_long_it_was_stopped(
    fuse: FuseController,
) -> None:
    stop(fuse)
    (event,) = fuse.resume(KEY, MONOTONIC_NS + 2 * NS_PER_SECOND)
    assert (event.stopped_ns, event.next_bound_bytes) == (2 * NS_PER_SECOND, NEXT)
    assert fuse.stopped == ()


def test_next_stop_after_a_resume_starts_anew(fuse: FuseController) -> None:
    stop(fuse)
    fuse.target([KEY])
    fuse.resume(KEY, MONOTONIC_NS)
    fuse.kernel_stop(blown(GOPLS))
    assert fuse.state(KEY) is StopState.UNIDENTIFIED


def test_process_that_no_snapshot_has_is_exempt_after_a_while(
    fuse: FuseController, kernel: RecordedKernel
) -> None:
    fuse.kernel_stop(blown(GOPLS))
    assert fuse.identify([POLICY], snapshot()) == []
    assert fuse.state(KEY) is StopState.UNIDENTIFIED  # the next snapshot may have it
    late = snapshot()._replace(monotonic_ns=MONOTONIC_NS + NS_PER_SECOND)
    assert fuse.identify([POLICY], late) == []
    assert fuse.state(KEY) is StopState.RUNNING
    assert kernel.calls == [HOLD, *EXEMPTED]


def test_process_that_ends_before_it_is_held_is_forgotten(
    fuse: FuseController, kernel: RecordedKernel
) -> None:
    kernel.gone = True
    assert fuse.kernel_stop(blown(GOPLS)) == ""
    assert fuse.state(KEY) is StopState.RUNNING


def test_unidentified_stop_waits_for_a_snapshot(fuse: FuseController) -> None:
    waits = []
    for trigger in ON_THE_WAY[StopState.TARGET]:
        TRIGGERS[trigger](fuse)
        waits.append(fuse.has_unidentified)
    assert waits == [True, False, False]


def test_weak_hold_is_returned_to_be_reported(
    fuse: FuseController, kernel: RecordedKernel
) -> None:
    kernel.weakness = "process 4711 has no death signal"
    assert fuse.kernel_stop(blown(GOPLS)) == kernel.weakness


def test_watch_end_removes_the_bounds_before_it_resumes(
    fuse: FuseController, kernel: RecordedKernel
) -> None:
    fuse.arm([POLICY], SNAPSHOT, no_refusal)
    stop(fuse)
    kernel.calls.clear()
    (event,) = fuse.close(MONOTONIC_NS)
    assert event.next_bound_bytes is None
    disarmed = [("arm process", PID, 0, 0, EXEMPT), ("arm group", GROUP, 0, 0)]
    assert kernel.calls == [*disarmed, *RESUME]


def test_kill_by_the_kernel_is_reported_if_a_policy_has_a_fuse_for_the_process(
    fuse: FuseController,
) -> None:
    known = KnownProcess(identity(), "gopls", "", 2 * GIB)
    killed = blown(GOPLS, signal=9)
    event = fuse.kernel_kill(killed, [POLICY], known)
    assert event is not None
    assert event.kind is FuseEventKind.KILLED
    assert fuse.kernel_kill(killed, [], known) is None


@pytest.mark.parametrize(
    ("held_mib", "steps"), [(1030, ["capture", "signal"]), (1070, ["capture"])]
)
def test_whole_ladder_runs_at_a_backstop_that_untracked_processes_reached(
    held_mib: int, steps: list[str], fuse: FuseController
) -> None:
    """With 92 % taken, 61 MiB are left to the backstop: for whatever process."""
    ladder = tuple(Step(action, 1, None) for action in ("capture", "signal"))
    policy = replace(POLICY, fuse=backstop(), ladder=ladder)
    fuse.arm([policy], snapshot(full_job(process(resident=GIB), 1884)), no_refusal)
    now = full_job(process(resident=held_mib * MIB), 1950)
    fuse.kernel_stop(blown(GOPLS, scope=FuseScope.CHARGE))
    (event,) = fuse.identify([policy], snapshot(now))
    assert event.next_steps.split(", ")[:-1] == steps


@pytest.mark.parametrize(("others_mib", "whole"), [(700, False), (800, True)])
def test_whole_ladder_runs_where_untracked_processes_may_take_the_rest(
    others_mib: int, whole: bool, fuse: FuseController
) -> None:
    """They hold 727 MiB of 2 GiB at the stop, and 102 MiB are left."""
    ladder = tuple(Step(action, 1, None) for action in ("capture", "signal"))
    policy = replace(POLICY, fuse=backstop(), ladder=ladder)
    fuse.identify([policy], snapshot(full_job(process(resident=GIB), 1024 + others_mib)))
    fuse.kernel_stop(blown(GOPLS))
    now = full_job(process(resident=1300 * MIB), 1946)
    (event,) = fuse.identify([policy], snapshot(now))
    assert ("signal" in event.next_steps) is whole
