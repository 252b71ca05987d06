"""Whether processes that are not watched may take the rest of a limit once more."""

from dataclasses import replace

import pytest

from ebpftrace.act.fuse.untracked import UntrackedPeaks
from ebpftrace.ledger import JobSnapshot
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.stops import full_job
from tests.support.watches import job, process, snapshot

MINUTE_NS = 60 * NS_PER_SECOND


def held(watched_mib: int, taken_mib: int) -> JobSnapshot:
    """Of 2 GiB."""
    return full_job(process(resident=watched_mib * MIB), taken_mib)


NOW = held(1500, 1946)
"""95 % are taken, 539 MiB of it by others; 102 MiB are left."""


def may_take_rest(*before: tuple[int, JobSnapshot]) -> bool:
    peaks = UntrackedPeaks()
    for minute, one in before:
        taken = snapshot(one)
        peaks.observe(taken._replace(monotonic_ns=taken.monotonic_ns + minute * MINUTE_NS))
    return peaks.may_take_rest(NOW)


@pytest.mark.parametrize(("others_mib", "may"), [(500, False), (600, True)])
def test_what_they_held_before_decides(others_mib: int, may: bool) -> None:
    assert may_take_rest((0, held(1000, 1000 + others_mib)), (1, NOW)) is may


def test_a_peak_is_forgotten_after_ten_minutes() -> None:
    peak = held(1000, 1600)
    assert may_take_rest((0, peak), (4, NOW), (6, NOW), (9, NOW))
    assert not may_take_rest((0, peak), (6, NOW), (12, NOW))


def test_a_cgroup_that_was_gone_in_between_has_no_peak() -> None:
    other = replace(NOW, identity=NOW.identity._replace(cgroup_id=NOW.identity.cgroup_id + 1))
    assert not may_take_rest((0, held(1000, 1600)), (1, other), (2, NOW))


def test_without_a_limit_there_is_no_rest() -> None:
    peaks = UntrackedPeaks()
    unlimited = job(processes=[process(resident=MIB)], limit=None)
    peaks.observe(snapshot(unlimited))
    assert not peaks.may_take_rest(unlimited)
