"""Where the fuses lie, by made-up books."""

import os
import signal
from dataclasses import replace
from mmap import PAGESIZE

import pytest

from ebpftrace.act.fuse.bounds import EXEMPT, bounds_of, default_fuse, has_fuse, higher, not_yet
from ebpftrace.act.policy.fuse import Fuse, FuseAction
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.events import FuseScope
from ebpftrace.units import GIB, MIB
from tests.support.conditions import condition
from tests.support.watches import identity, job, process, snapshot

STOP, KILL = int(signal.SIGSTOP), int(signal.SIGKILL)
SHARE = Fuse(0.9, True)
GROUP = identity().cgroup_id


def policy(fuse: Fuse | None, **changes: object) -> Policy:
    one = Policy("p", Match(comms=("gopls",)), (), Mode.ANY, (), fuse=fuse)
    return replace(one, **changes)  # type: ignore[arg-type]


def test_a_share_of_the_limit_counts_what_is_not_tracked() -> None:
    """The room that is left is what the tracked processes may still take, and no more."""
    gopls = process(resident=512 * MIB)
    books = snapshot(job(processes=[gopls], limit=2 * GIB, cache=64 * MIB))
    held = gopls.own.held_bytes
    taken = gopls.own.resident_bytes  # the cache of 64 MiB counts as room
    (bound, number) = bounds_of([policy(SHARE)], books, {}).groups[GROUP]
    assert number == STOP
    assert bound == pytest.approx(held + 0.9 * 2 * GIB - taken, abs=2)


def test_bytes_are_bytes() -> None:
    books = snapshot(job(processes=[process()], limit=None))
    assert bounds_of([policy(Fuse(GIB, False))], books, {}).groups == {GROUP: (GIB, STOP)}
    nothing = bounds_of([policy(SHARE)], books, {})  # a share of nothing
    assert nothing.groups == {}
    assert nothing.unlimited == {"build-42"}


@pytest.mark.parametrize(
    ("scope", "armed"),
    [
        (FuseScope.PROCESS, (GIB, 0, STOP)),
        (FuseScope.CHARGE, (0, GIB, STOP)),
        (FuseScope.JOB, (0, 0, STOP)),
    ],
)
def test_what_it_is_of(scope: FuseScope, armed: tuple[int, int, int]) -> None:
    gopls = process()
    bounds = bounds_of([policy(Fuse(GIB, False, scope))], snapshot(job(processes=[gopls])), {})
    assert bounds.processes == {gopls.key: armed}
    assert bool(bounds.groups) == (scope is FuseScope.JOB)


def test_the_lowest_of_a_job_is_its_bound() -> None:
    low, high = (
        policy(Fuse(GIB, False), match=Match(comms=("go",))),
        policy(Fuse(2 * GIB, False)),
    )
    books = snapshot(job(processes=[process(1), process(2, comm="go")]))
    assert bounds_of([low, high], books, {}).groups == {GROUP: (GIB, STOP)}


def test_two_jobs_of_one_cgroup_have_each_its_bound() -> None:
    """The kernel side sums the cgroup up: the first to reach its own bound reaches it."""
    one, two = process(1, 320 * MIB), process(2, 640 * MIB)
    books = snapshot(job("a", [one]), job("b", [two]))
    held = [two.own.held_bytes, one.own.held_bytes]
    fuse = Fuse(GIB, False)
    assert bounds_of([policy(fuse)], books, {}).groups == {GROUP: (GIB + held[1], STOP)}
    assert not_yet(fuse, books.jobs[0])
    assert not not_yet(Fuse(256 * MIB, False), books.jobs[0])
    assert not not_yet(fuse, snapshot(books.jobs[0]).jobs[0])
    assert not not_yet(SHARE, books.jobs[0])  # they share the limit


@pytest.mark.parametrize(
    "exempt",
    [
        process(comm="node"),
        process(role="telemetry"),
        replace(process(), key=replace(process().key, pid=os.getppid())),
    ],
)
def test_nobody_else_is_ever_stopped(exempt: object) -> None:
    books = snapshot(job(processes=[exempt]))  # type: ignore[list-item]
    bounds = bounds_of([policy(SHARE)], books, {})
    assert list(bounds.processes.values()) == [(0, 0, EXEMPT)]
    assert not bounds.groups


def test_a_dry_run_arms_nothing() -> None:
    dry = policy(SHARE, dry_run=True)
    books = snapshot(job(processes=[process()]))
    assert not bounds_of([dry], books, {}).groups
    assert not has_fuse([dry])
    assert default_fuse([dry]) is None


def test_one_that_kills_is_off_while_the_budget_is_spent() -> None:
    kills = policy(Fuse(GIB, False, action=FuseAction.KILL))
    books = snapshot(job(processes=[process()]))
    assert bounds_of([kills], books, {}).groups == {GROUP: (GIB, KILL)}
    spent = bounds_of([kills], books, {}, lambda _job, _policy: "budget spent")
    assert not spent.groups
    assert list(spent.processes.values()) == [(0, 0, EXEMPT)]


def test_a_raised_bound_holds_where_it_is_higher() -> None:
    books = snapshot(job(processes=[process()]))
    fuse = policy(Fuse(GIB, False))
    assert bounds_of([fuse], books, {GROUP: 3 * GIB}).groups == {GROUP: (3 * GIB, STOP)}
    assert bounds_of([fuse], books, {GROUP: MIB}).groups == {GROUP: (GIB, STOP)}


def test_the_next_bound_is_half_way_to_the_limit_until_no_room_is_left() -> None:
    assert higher(1000 * MIB, 900 * MIB, 2000 * MIB) == 1500 * MIB
    assert higher(1000 * MIB, 900 * MIB, None) == 1250 * MIB
    assert higher(1000 * MIB + PAGESIZE, 900 * MIB, 2000 * MIB) == 1500 * MIB + PAGESIZE
    assert higher(1985 * MIB, 900 * MIB, 2000 * MIB) is None
    assert higher(2100 * MIB, 900 * MIB, 2000 * MIB) is None


def test_the_default_is_for_what_all_share_by_name() -> None:
    one = policy(SHARE)
    assert default_fuse([one, one]) is not None
    assert default_fuse([one, policy(None)]) is None
    assert default_fuse([one, policy(Fuse(0.5, True))]) is None
    assert default_fuse([policy(SHARE, match=Match(cgroups=("/ci/*",)))]) is None
    assert default_fuse([policy(None, when=(condition("oom"),))]) is None
