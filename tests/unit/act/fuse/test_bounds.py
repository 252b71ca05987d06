"""The bounds that a snapshot and policies lead to."""

import os
import signal
from dataclasses import replace

import pytest

from ebpftrace.act.fuse.bounds import (
    EXEMPT,
    BoundKey,
    ProcessBound,
    compute_bounds,
    default_fuse,
    has_fuse,
)
from ebpftrace.act.policy.fuse import Fuse, FuseAction, FuseResumed, backstop
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.events import FuseScope
from ebpftrace.units import GIB, MIB
from tests.support.conditions import condition
from tests.support.stops import full_job
from tests.support.watches import identity, job, process, snapshot

STOP, KILL = int(signal.SIGSTOP), int(signal.SIGKILL)
SHARE = Fuse(0.9, True)
GROUP = identity().cgroup_id


def policy(fuse: Fuse | None, **changes: object) -> Policy:
    made = Policy("p", Match(comms=("gopls",)), (), Mode.ANY, (), fuse=fuse)
    return replace(made, **changes)  # type: ignore[arg-type]


def test_share_of_the_limit_counts_untracked_usage() -> None:
    """The bound is what the tracked processes can still take up to that share."""
    gopls = process(resident=512 * MIB)
    now = snapshot(job(processes=[gopls], limit=2 * GIB, cache=64 * MIB))
    held = gopls.own.held_bytes
    taken = gopls.own.resident_bytes  # the cache of 64 MiB counts as room
    (bound, number, least) = compute_bounds([policy(SHARE)], now, {}).groups[GROUP]
    assert (number, least) == (STOP, bound)
    assert bound == pytest.approx(held + 0.9 * 2 * GIB - taken, abs=2)


def test_size_is_used_as_it_is_and_a_share_needs_a_limit() -> None:
    now = snapshot(job(processes=[process()], limit=None))
    assert compute_bounds([policy(Fuse(GIB, False))], now, {}).groups == {
        GROUP: (GIB, STOP, GIB)
    }
    nothing = compute_bounds([policy(SHARE)], now, {})
    assert nothing.groups == {}
    assert nothing.unlimited == {"build-42"}
    assert compute_bounds([policy(backstop())], now, {}).unlimited == frozenset()


@pytest.mark.parametrize(
    ("scope", "armed"),
    [
        (FuseScope.PROCESS, ProcessBound(GIB, 0, STOP)),
        (FuseScope.CHARGE, ProcessBound(0, GIB, STOP)),
        (FuseScope.JOB, ProcessBound(0, 0, STOP)),
    ],
)
def test_scope_decides_which_bound_is_set(scope: FuseScope, armed: ProcessBound) -> None:
    gopls = process()
    bounds = compute_bounds(
        [policy(Fuse(GIB, False, scope))], snapshot(job(processes=[gopls])), {}
    )
    assert bounds.processes == {gopls.key: armed}
    assert bool(bounds.groups) == (scope is FuseScope.JOB)


def test_lowest_fuse_of_a_job_is_its_bound() -> None:
    low, high = (
        policy(Fuse(GIB, False), match=Match(comms=("go",))),
        policy(Fuse(2 * GIB, False)),
    )
    now = snapshot(job(processes=[process(1), process(2, comm="go")]))
    assert compute_bounds([low, high], now, {}).groups == {GROUP: (GIB, STOP, GIB)}


def test_each_job_of_a_shared_cgroup_has_its_own_bound() -> None:
    """The kernel counts the whole cgroup; its bound is where the first job reaches its own."""
    one, two = process(1, 320 * MIB), process(2, 640 * MIB)
    now = snapshot(job("a", [one]), job("b", [two]))
    held = [two.own.held_bytes, one.own.held_bytes]
    fuse = Fuse(GIB, False)
    bound = (GIB + held[1], STOP, GIB)
    assert compute_bounds([policy(fuse)], now, {}).groups == {GROUP: bound}


@pytest.mark.parametrize(
    "exempt",
    [
        process(comm="node"),
        replace(process(), key=process().key._replace(pid=os.getppid())),
    ],
)
def test_all_other_processes_are_exempt(exempt: object) -> None:
    now = snapshot(job(processes=[exempt]))  # type: ignore[list-item]
    bounds = compute_bounds([policy(SHARE)], now, {})
    assert list(bounds.processes.values()) == [ProcessBound(0, 0, EXEMPT)]
    assert not bounds.groups


@pytest.mark.parametrize(
    ("resumed", "code"),
    [(None, 0), (FuseResumed.KILL, 1), (FuseResumed.STOP, 2)],
)
def test_what_becomes_of_a_resumed_process_is_set_with_its_bounds(
    resumed: FuseResumed | None, code: int
) -> None:
    fuses = [policy(Fuse(GIB, False, FuseScope.PROCESS, resumed=resumed))]
    bounds = compute_bounds(fuses, snapshot(job(processes=[process()])), {})
    assert [bound.resumed for bound in bounds.processes.values()] == [code]
    default = default_fuse(fuses)
    assert default is not None
    assert default.resumed == code


@pytest.mark.parametrize(
    ("scope", "own", "charge"),
    [(FuseScope.PROCESS, GIB, 0), (FuseScope.CHARGE, 0, GIB), (FuseScope.JOB, 0, 0)],
)
def test_crash_monitor_is_spared_only_while_it_is_small(
    scope: FuseScope, own: int, charge: int
) -> None:
    """The kernel compares, at every page: the next snapshot would come too late."""
    now = snapshot(job(processes=[process(role="telemetry")]))
    bounds = compute_bounds([policy(Fuse(GIB, False, scope))], now, {})
    assert list(bounds.processes.values()) == [ProcessBound(own, charge, STOP, 32 * MIB)]


def test_dry_run_has_no_fuse() -> None:
    dry = policy(SHARE, dry_run=True)
    now = snapshot(job(processes=[process()]))
    assert not compute_bounds([dry], now, {}).groups
    assert not has_fuse([dry])
    assert default_fuse([dry]) is None


def test_fuse_that_kills_is_off_while_the_budget_is_spent() -> None:
    kills = policy(Fuse(GIB, False, action=FuseAction.KILL))
    now = snapshot(job(processes=[process()]))
    assert compute_bounds([kills], now, {}).groups == {GROUP: (GIB, KILL, GIB)}
    spent = compute_bounds([kills], now, {}, lambda _job, _policy: "budget spent")
    assert not spent.groups
    assert list(spent.processes.values()) == [ProcessBound(0, 0, EXEMPT)]


def test_raised_bound_is_used_only_above_the_usual_one() -> None:
    now = snapshot(job(processes=[process()]))
    fuse = Fuse(GIB, False)
    for bound, expected in ((3 * GIB, 3 * GIB), (MIB, GIB)):
        raised: dict[BoundKey, Fuse] = {GROUP: replace(fuse, bound=bound)}
        bound_now = (expected, STOP, expected)
        assert compute_bounds([policy(fuse)], now, raised).groups == {GROUP: bound_now}


def test_raised_bound_comes_down_as_untracked_processes_take_more() -> None:
    """As the usual one does: else the limit would be reached before it."""
    gopls = process(resident=GIB)
    raised: dict[BoundKey, Fuse] = {GROUP: Fuse(0.95, True)}
    bounds = [
        compute_bounds([policy(SHARE)], snapshot(now), raised).groups[GROUP].held_bytes
        for now in (full_job(gopls, 1850), full_job(gopls, 1890))
    ]
    assert bounds[0] - bounds[1] == pytest.approx(40 * MIB, abs=2)
    assert bounds[0] == pytest.approx(gopls.own.held_bytes + 0.95 * 2 * GIB - 1850 * MIB, abs=2)


def test_kernel_default_needs_one_fuse_for_all_and_matches_by_name_only() -> None:
    one = policy(SHARE)
    assert default_fuse([one, one]) is not None
    assert default_fuse([one, policy(None)]) is None
    assert default_fuse([one, policy(Fuse(0.5, True))]) is None
    assert default_fuse([policy(SHARE, match=Match(cgroups=("/ci/*",)))]) is None
    assert default_fuse([policy(None, when=(condition("oom"),))]) is None


def test_charge_is_a_second_bound_of_each_process_of_a_job_near_its_share() -> None:
    gopls = process(resident=GIB)
    now = snapshot(full_job(gopls, 1800))
    (bound,) = compute_bounds([policy(SHARE)], now, {}).processes.values()
    assert bound.charge_bytes == pytest.approx(0.9 * 2 * GIB, abs=2)
    assert (bound.own_bytes, bound.signal) == (0, STOP)
