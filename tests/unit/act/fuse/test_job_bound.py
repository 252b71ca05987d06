"""The bound of one fuse in one job, and the next one after a resume."""

from dataclasses import replace
from mmap import PAGESIZE

import pytest

from ebpftrace.act.fuse.job_bound import (
    bound_in,
    charge_bound,
    is_below_bound,
    least_held,
    next_fuse,
    of_job_alone,
)
from ebpftrace.act.policy.fuse import Fuse, FuseAction
from ebpftrace.counters import CgroupContents, LimitLevel, ProcessCounters, Usage
from ebpftrace.events import FuseScope
from ebpftrace.ledger import JobSnapshot
from ebpftrace.units import GIB, MIB
from tests.support.stops import blown, full_job
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


def sharing(shared_mib: int, own_mib: int = 0, count: int = 6) -> JobSnapshot:
    """So many processes that have mapped one file; its limit is its own."""
    usage = Usage(anon_bytes=own_mib * MIB, shmem_bytes=shared_mib * MIB)
    now = job(processes=[process(pid, book=ProcessCounters(usage)) for pid in range(count)])
    anon = own_mib * count * MIB
    contents = CgroupContents(anon_bytes=anon, shmem_bytes=shared_mib * MIB)
    charge = anon + shared_mib * MIB
    level = LimitLevel(4242, 0, charge, 2 * GIB)
    cgroup = now.cgroup._replace(
        charge_bytes=charge, contents=contents, levels=(level,),
        headroom_bytes=2 * GIB - charge,
    )  # fmt: skip
    return snapshot(replace(now, cgroup=cgroup)).jobs[0]


def test_shared_memory_that_six_processes_count_is_beside_the_bound() -> None:
    fuse, now = Fuse(200 * MIB, False), sharing(60, own_mib=5)
    assert bound_in(fuse, now) == 500 * MIB
    assert is_below_bound(fuse, now)
    assert not is_below_bound(fuse, sharing(60, own_mib=24))
    assert not is_below_bound(fuse, sharing(300))
    raised = next_fuse(fuse, sharing(60, own_mib=24), 504 * MIB)
    assert raised is not None
    assert raised.bound == pytest.approx((204 / 2048 + 1) / 2, abs=0.01)


def test_stop_is_reported_at_what_the_job_holds() -> None:
    fuse, now = Fuse(200 * MIB, False), sharing(60, own_mib=24)
    stop = blown(now.processes[0], measured_bytes=501 * MIB, bound_bytes=500 * MIB)
    reported = of_job_alone(stop, fuse, now)
    assert (reported.measured_bytes, reported.bound_bytes) == (201 * MIB, 200 * MIB)
    early = stop._replace(measured_bytes=230 * MIB, bound_bytes=200 * MIB)
    reported = of_job_alone(early, fuse, now)
    assert (reported.measured_bytes, reported.bound_bytes) == (200 * MIB, 200 * MIB)


def test_what_the_cgroup_must_be_charged_for_at_a_stop() -> None:
    now = sharing(60)
    bound = bound_in(Fuse(200 * MIB, False), now)
    assert bound is not None
    assert least_held(bound, now) == 200 * MIB
    root = replace(now, cgroup=now.cgroup._replace(contents=None))
    assert least_held(bound, root) == 0, "the root cgroup has no charge"


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
    cgroup = now.cgroup._replace(charge_bytes=2 * GIB - MIB, headroom_bytes=MIB)
    assert now.cgroup.contents is not None
    contents = now.cgroup.contents._replace(cache_bytes=347 * MIB)
    assert (
        charge_bound(SHARE, None, replace(now, cgroup=cgroup._replace(contents=contents)))
        is None
    )


def test_charge_is_not_compared_after_the_last_stop() -> None:
    now = full_job(process(resident=GIB), 1800)
    assert charge_bound(SHARE, replace(SHARE, bound=1 << 62, share=False), now) is None
