"""Our judgement on the kept recordings of real CI jobs: no healthy one is ended."""

from functools import cache

import pytest

from bench.judgement.ci.cost import Bill, Cost, Result, bill, result
from bench.judgement.ci.jobs import JOBS
from bench.judgement.ci.recording import RECORDINGS, load_all
from bench.judgement.ci.rules import PASTS, after_a_change, ours
from bench.judgement.ci.table import PAGE, jobs_text, row_text

ALL = load_all()
HEALTHY = [one for one in ALL if not one.leaky]
LEAKS = [one for one in ALL if one.leaky]
LARGEST_BYTES = 6 << 20
PAGE_KIB = 4  # the kernel rounds limits
ENDED = {"javadoc-1.1-3"}
"""It held 99 % of its limit, took more, and ended well."""


@cache
def results(past_runs: int) -> dict[str, Result]:
    rule = ours(ALL, past_runs)
    return {one.name: result(rule, one) for one in ALL}


def test_there_are_enough_jobs_of_enough_kinds() -> None:
    names = {one.job for one in ALL}
    jobs = [job for job in JOBS if job.name in names]
    assert len(jobs) == len(names) >= 24
    assert len({job.tool for job in jobs}) >= 10
    assert len({job.runtime for job in jobs}) >= 4
    assert sum(job.held_out for job in jobs) >= 6
    assert len({one.job for one in LEAKS}) >= 8


def test_all_shares_of_the_peak_are_there() -> None:
    for some in (HEALTHY, LEAKS):
        assert {one.share for one in some} == {1.1, 1.25, 2.0}


def test_they_are_what_they_say() -> None:
    assert {one.ended for one in HEALTHY} == {"ok"}
    assert {one.ended for one in LEAKS} == {"oom-killed"}
    assert all(0 <= one.limit_kib - one.rows[0].limit < PAGE_KIB for one in ALL)
    assert not any(row.kills for one in HEALTHY for row in one.rows)


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in RECORDINGS.iterdir()) <= LARGEST_BYTES


@pytest.mark.parametrize("past_runs", PASTS)
def test_no_healthy_job_is_ended(past_runs: int) -> None:
    ended = {name for name, one in results(past_runs).items() if one.cost is Cost.FALSE_END}
    assert ended <= ENDED


@pytest.mark.parametrize("past_runs", PASTS)
def test_every_leak_is_called_or_ended_at_the_fuse(past_runs: int) -> None:
    costs = {results(past_runs)[one.name].cost for one in LEAKS}
    assert costs <= {Cost.NOTHING, Cost.FUSE}


@pytest.mark.parametrize("past_runs", PASTS)
def test_no_healthy_job_is_called(past_runs: int) -> None:
    names = {one.recording.name for one in results(past_runs).values()
             if one.called and not one.recording.leaky}  # fmt: skip
    assert names <= ENDED


def test_with_a_past_leaks_are_called_below_three_quarters_of_the_limit() -> None:
    """On average over all limits; at 1.25 times the peak they are not (docs)."""
    made = Bill("ours", tuple(results(3).values()))
    used = made.used()
    assert used is not None
    assert used < 0.75
    assert made.called > Bill("ours", tuple(results(0).values())).called


def test_a_job_that_has_changed_is_left_alone_at_a_quarter_more_than_its_peak() -> None:
    rule = after_a_change(ALL)
    made = bill(rule, [one for one in HEALTHY if one.share >= 1.25])
    assert made.failures == []
    assert len(made.left_alone) > 50


def test_the_page_has_the_present_scores() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert jobs_text(ALL) in text
    for past_runs in PASTS:
        assert row_text(bill(ours(ALL, past_runs), ALL)) in text
