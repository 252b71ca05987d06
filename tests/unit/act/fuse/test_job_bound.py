"""The bound of one fuse in one job, and the next one after a resume."""

from dataclasses import replace
from mmap import PAGESIZE

import pytest

from ebpftrace.act.fuse.job_bound import bound_in, charge_bound, is_below_bound, next_fuse
from ebpftrace.act.policy.fuse import Fuse, FuseAction
from ebpftrace.events import FuseScope
from ebpftrace.units import GIB, MIB
from tests.support.stops import full_job
from tests.support.watches import job, process, snapshot

SHARE = Fuse(0.9, True)


@pytest.mark.parametrize(("mib", "below"), [(1900, False), (1810, False), (1700, True)])
def test_share_is_compared_with_what_is_read_after_the_stop(mib: int, below: bool) -> None:
    """It was computed from two readings; page cache may have been dropped in between."""
    assert is_below_bound(SHARE, full_job(process(), mib)) is below


def test_job_of_a_shared_cgroup_may_be_below_the_bound_that_the_sum_crossed() -> None:
    now = snapshot(job("a", [process(1, 320 * MIB)]), job("b", [process(2, 640 * MIB)]))
    fuse = Fuse(GIB, False)
    assert is_below_bound(fuse, now.jobs[0])
    assert not is_below_bound(Fuse(256 * MIB, False), now.jobs[0])
    assert not is_below_bound(fuse, snapshot(now.jobs[0]).jobs[0])


@pytest.mark.parametrize("scope", FuseScope)
def test_next_fuse_adds_half_of_what_is_left_of_the_limit(scope: FuseScope) -> None:
    """Of 2 GiB, gopls holds one, and other processes 0.8: 0.2 are left."""
    gopls = process(resident=GIB)
    now = full_job(gopls, 1843)
    usage = 1843 * MIB if scope is FuseScope.CHARGE else gopls.own.held_bytes
    raised = next_fuse(Fuse(0.5, True, scope), now, usage)
    assert raised is not None
    assert bound_in(raised, now) == pytest.approx(usage + 102.5 * MIB, abs=PAGESIZE)


def test_next_fuse_counts_what_was_taken_between_the_snapshot_and_the_stop() -> None:
    now = full_job(process(resident=GIB), 1740)
    raised = next_fuse(SHARE, now, GIB, grown_bytes=100 * MIB)
    assert raised is not None
    assert raised.bound == pytest.approx((1840 / 2048 + 1) / 2)


def test_no_further_stop_where_too_little_is_left() -> None:
    gopls = process(resident=GIB)
    assert next_fuse(SHARE, full_job(gopls, 2030), gopls.own.held_bytes) is None
    assert next_fuse(SHARE, full_job(gopls, 2048), gopls.own.held_bytes) is None


def test_next_fuse_without_a_limit_is_a_quarter_higher() -> None:
    now = snapshot(job(processes=[process()], limit=None)).jobs[0]
    raised = next_fuse(Fuse(GIB, False), now, 1000 * MIB)
    assert raised is not None
    assert bound_in(raised, now) == 1250 * MIB


def test_next_fuse_in_a_shared_cgroup_is_of_the_job_alone() -> None:
    one, two = process(1, 320 * MIB), process(2, 640 * MIB)
    now = snapshot(job("a", [one], limit=None), job("b", [two], limit=None)).jobs[0]
    held = now.group_usage.held_bytes
    raised = next_fuse(Fuse(GIB, False), now, held)
    assert raised is not None
    assert raised.bound == one.own.held_bytes * 5 / 4
    assert bound_in(raised, now) == pytest.approx(
        raised.bound + two.own.held_bytes, abs=PAGESIZE
    )


def test_charge_is_compared_as_well_near_the_bound() -> None:
    """At 1800 of 2048 MiB and a fuse of 90 %, 43 MiB are left: for whatever process."""
    now = full_job(process(resident=GIB), 1800)
    assert charge_bound(SHARE, None, now) == pytest.approx(0.9 * 2 * GIB, abs=2)
    assert charge_bound(SHARE, Fuse(0.95, True), now) == pytest.approx(0.95 * 2 * GIB, abs=2)


@pytest.mark.parametrize(
    ("fuse", "held_mib", "taken_mib", "why"),
    [
        (SHARE, 1024, 1400, "it is far from the bound"),
        (SHARE, 1024, 1900, "it is past the bound"),
        (SHARE, 800, 1800, "most of the memory is of processes that are not tracked"),
        (replace(SHARE, action=FuseAction.KILL), 1024, 1800, "page cache may not kill"),
        (Fuse(1800 * MIB, False), 1024, 1750, "the bound is a size"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_charge_is_not_compared(fuse: Fuse, held_mib: int, taken_mib: int, why: str) -> None:
    now = full_job(process(resident=held_mib * MIB), taken_mib)
    assert charge_bound(fuse, None, now) is None, why


def test_charge_is_not_compared_where_page_cache_alone_reaches_the_limit() -> None:
    """The kernel takes cache back at the limit: to be charged up to it says nothing."""
    now = full_job(process(resident=GIB), 1700)
    cgroup = replace(now.cgroup, charge_bytes=2 * GIB - MIB, headroom_bytes=MIB)
    contents = replace(now.cgroup.contents, cache_bytes=347 * MIB)  # type: ignore[type-var]
    assert (
        charge_bound(SHARE, None, replace(now, cgroup=replace(cgroup, contents=contents)))
        is None
    )


def test_charge_is_not_compared_after_the_last_stop() -> None:
    now = full_job(process(resident=GIB), 1800)
    assert charge_bound(SHARE, replace(SHARE, bound=1 << 62, share=False), now) is None
