"""One process, one job: peaks, growth, and how long until the limit."""

import pytest

from ebpftrace.counters import ProcessCounters, Usage
from ebpftrace.events import StartCause
from ebpftrace.ledger import GrowthRates, Snapshot
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.scripted_ledger import ScriptedLedger, held, identity


def climb(
    book: ScriptedLedger, pid: int, per_second: float, seconds: int, base: float = 100
) -> Snapshot:
    """A process that grows by so many MiB a second, read once a second."""
    for _ in range(seconds):
        book.read(pid, base + per_second * book.at)
        last = book.snapshot()
        book.at += 1
    return last


def test_usage_counts_what_a_fork_shares_in_the_parent_alone() -> None:
    book = ScriptedLedger()
    book.start(1, 400)
    book.start(2, how=StartCause.FORK, counters=held(410, inherited=400))
    (job,) = book.snapshot().jobs
    assert job.usage.anon_bytes == 410 * MIB
    assert [one.state for one in job.processes] == ["running", "forked"]
    book.read(2, 30)  # its parent ended, or it executed: what it has is its own
    (job,) = book.snapshot().jobs
    assert job.usage.anon_bytes == 430 * MIB
    assert {one.state for one in job.processes} == {"running"}


def test_what_a_child_shared_is_no_growth_when_its_parent_ends() -> None:
    book = ScriptedLedger()
    book.start(1, 60)
    book.start(2, how=StartCause.FORK, counters=held(60, inherited=60))
    book.start(3, how=StartCause.FORK, counters=held(60, inherited=60))
    book.snapshot()
    book.at = 1
    book.read(3, counters=held(90, inherited=60))
    book.snapshot()
    book.at = 2
    book.exit(1)
    book.read(2, 60)
    book.read(3, 95)
    (job,) = book.snapshot().jobs
    growth = {process.pid: process.growth for process in job.processes}
    assert growth[2].bytes_60s == growth[2].bytes_total == 0
    assert growth[3].bytes_60s == growth[3].bytes_total == 35 * MIB
    assert {process.own.held_bytes for process in job.processes} == {60 * MIB, 95 * MIB}


def test_what_a_parent_gives_back_is_its_childs_and_no_growth_of_that() -> None:
    book = ScriptedLedger()
    book.start(1, 60)
    book.start(2, how=StartCause.FORK, counters=held(60, inherited=60))
    book.snapshot()
    for at, counters, own, growth in (
        (1, held(65, inherited=20), 45, 5),
        (2, held(55, inherited=10), 45, 5),  # it gives back pages of its parent's
        (3, held(40, inherited=10), 30, -10),  # and of its own
        (4, held(30, inherited=0), 30, -10),
    ):
        book.at = at
        book.read(2, counters=counters)
        (job,) = book.snapshot().jobs
        (child,) = (process for process in job.processes if process.pid == 2)
        assert child.own.held_bytes == own * MIB
        assert child.growth.bytes_total == growth * MIB


def test_processes_come_largest_first_and_by_pid_where_equal() -> None:
    book = ScriptedLedger()
    for pid, mib in ((3, 10), (2, 10), (1, 5), (4, 99)):
        book.start(pid, mib)
    (job,) = book.snapshot().jobs
    assert [one.pid for one in job.processes] == [4, 2, 3, 1]


def test_the_peak_is_the_highest_sum_and_names_the_largest_process() -> None:
    book = ScriptedLedger()
    book.start(1, 300)
    book.start(2, 200, comm="go")
    book.snapshot()
    book.read(1, 50)
    book.read(2, 210)
    (job,) = book.snapshot().jobs
    assert (job.peak_bytes, job.peak_holder) == (500 * MIB, "gopls 1")


def test_a_short_lived_process_is_in_the_peak_by_its_own() -> None:
    book = ScriptedLedger()
    book.start(1, 10)
    book.snapshot()
    book.start(2, 1, comm="compile")
    book.exit(2, held(0, peak=700), comm="compile")
    (job,) = book.snapshot().jobs
    assert (job.peak_bytes, job.peak_holder) == (700 * MIB, "compile 2")


def test_a_peak_between_two_readings_counts_before_the_exit_too() -> None:
    book = ScriptedLedger()
    book.start(1, 10)
    book.read(1, counters=held(10, peak=900))
    (job,) = book.snapshot().jobs
    assert (job.peak_bytes, job.peak_holder) == (900 * MIB, "gopls 1")


def test_a_forked_childs_peak_is_without_what_it_inherited() -> None:
    book = ScriptedLedger()
    book.start(1, 400)
    book.start(2, how=StartCause.FORK, counters=held(400, inherited=400))
    book.exit(2, held(0, inherited=0, peak=450))  # it gave everything back
    (job,) = book.snapshot().jobs
    assert (job.peak_bytes, job.peak_holder) == (400 * MIB, "gopls 1")


def test_a_peak_is_not_taken_along_into_another_job() -> None:
    book = ScriptedLedger()
    other = identity("other", cgroup_id=8)
    book.start(1, counters=held(600, peak=600))
    book.snapshot()
    book.read(1, counters=held(20, peak=600))
    book.move(1, other)
    (there,) = book.running()
    assert (there.identity, there.peak_bytes) == (other, 20 * MIB)
    assert book.job().peak_bytes == 600 * MIB
    book.read(1, counters=held(20, peak=650))  # higher than ever: that was here
    assert book.running()[0].peak_bytes == 650 * MIB


def test_growth_counts_from_the_start_that_was_seen() -> None:
    book = ScriptedLedger()
    book.start(1, 2)
    book.at = 0.9
    book.read(1, 80)
    (job,) = book.snapshot().jobs
    assert job.growth == GrowthRates(78 * MIB, 78 * MIB, 78 * MIB, 0)
    assert job.processes[0].growth == job.growth


def test_what_was_found_running_has_not_grown_yet() -> None:
    book = ScriptedLedger()
    for pid in (1, 2, 3):
        book.start(pid, 500, how=StartCause.FOUND)
    (job,) = book.snapshot().jobs
    assert job.growth == GrowthRates()


def test_growth_leaves_page_cache_out() -> None:
    book = ScriptedLedger()
    book.start(1)
    book.at = 1
    usage = Usage(anon_bytes=1 * MIB, file_bytes=900 * MIB, shmem_bytes=2 * MIB, swap_bytes=4)
    book.read(1, counters=ProcessCounters(usage=usage))
    (job,) = book.snapshot().jobs
    assert job.growth.bytes_total == 3 * MIB + 4


def test_growth_over_ten_and_sixty_seconds_of_job_and_process() -> None:
    book = ScriptedLedger()
    book.start(1, 100)
    (job,) = climb(book, 1, 2, 91).jobs
    assert job.growth == GrowthRates(20 * MIB, 120 * MIB, 180 * MIB, 2 * MIB)
    assert job.processes[0].growth == job.growth


def test_a_job_that_ended_keeps_what_it_grew_and_no_rate() -> None:
    book = ScriptedLedger()
    book.start(1, 100)
    climb(book, 1, 2, 31)
    book.exit(1)
    assert book.job().growth == GrowthRates(0, 0, 60 * MIB, 0)


def test_a_job_that_was_idle_is_a_new_curve() -> None:
    book = ScriptedLedger()
    book.start(1, 0)
    climb(book, 1, 2, 61)
    book.exit(1)
    book.at += 3600
    book.start(2, 1)
    book.at += 1
    book.read(2, 11)
    (job,) = book.snapshot().jobs
    assert job.growth == GrowthRates(10 * MIB, 10 * MIB, 11 * MIB, 0)


@pytest.mark.parametrize(("missing_s", "is_kept"), [(29, True), (31, False)])
def test_a_job_without_a_sample_for_half_a_minute_is_judged_anew(
    missing_s: int, is_kept: bool
) -> None:
    """A job that ended stays in the snapshots for a minute and is sampled all the time."""
    book = ScriptedLedger()
    book.start(1, 100)
    climb(book, 1, 2, 31)
    book.exit(1)
    book.at += 59
    book.snapshot()
    book.at += missing_s
    assert book.snapshot().jobs == ()
    book.start(2, 100)
    (job,) = book.snapshot().jobs
    assert (len(job.held_curve.highest(900 * NS_PER_SECOND)[1]) > 1) is is_kept


def test_peak_growth_of_a_job_outlives_the_process_that_grew() -> None:
    """Also between two readings: an exit brings the last of what was held."""
    book = ScriptedLedger()
    book.start(1, 10)
    climb(book, 1, 2, 31, base=10)
    assert book.job().peak_growth_bytes == 60 * MIB
    book.exit(1, held(300))
    book.at += 1
    book.start(2, 1)
    climb(book, 2, 0, 3, base=20)
    (job,) = book.snapshot().jobs
    assert (job.growth.bytes_total, job.peak_growth_bytes) == (10 * MIB, 290 * MIB)


def test_what_a_job_only_gave_back_is_no_growth_of_it() -> None:
    book = ScriptedLedger()
    book.start(1, 500, how=StartCause.FOUND)
    book.start(2, 300, how=StartCause.FOUND)
    climb(book, 1, -1, 5, base=500)
    (job,) = book.snapshot().jobs
    assert (job.growth.bytes_total, job.peak_growth_bytes) == (-4 * MIB, 0)


def test_what_a_process_had_before_it_was_renamed_is_no_growth_of_the_job() -> None:
    book = ScriptedLedger()
    book.start(1, 100)
    climb(book, 1, 1, 5)
    book.start(2, 700, how=StartCause.RENAME)
    book.start(3, 50, how=StartCause.FOUND)
    (job,) = book.snapshot().jobs
    assert job.usage.anon_bytes == (104 + 750) * MIB
    assert job.growth == GrowthRates(4 * MIB, 4 * MIB, 4 * MIB, 0)
    book.read(2, 710)
    (job,) = book.snapshot().jobs
    assert job.growth.bytes_total == 14 * MIB


def test_the_peak_has_the_sum_at_an_exit_between_two_readings() -> None:
    """gopls, and a child that came and went before it was read."""
    book = ScriptedLedger()
    book.start(1, 100)
    book.snapshot()
    book.start(2, 1, comm="go")
    book.exit(2, held(60, peak=70), comm="go")
    (job,) = book.snapshot().jobs
    assert (job.peak_bytes, job.peak_holder) == (160 * MIB, "gopls 1")


def test_the_peak_has_the_sum_before_a_move() -> None:
    book = ScriptedLedger()
    book.start(1, 100)
    book.start(2, 60)
    book.move(2, identity("other", cgroup_id=8))
    assert book.job().peak_bytes == 160 * MIB
    assert book.job("other").peak_bytes == 60 * MIB


@pytest.mark.parametrize(("limit", "rate"), [(None, 2.0), (1024, 0.0), (1024, -1.0)])
def test_without_a_limit_or_growth_there_is_no_time_to_it(
    limit: int | None, rate: float
) -> None:
    book = ScriptedLedger()
    book.start(1, 100)
    room = None if limit is None else limit * MIB
    book.cgroup(charge_bytes=200 * MIB, limit_bytes=room, headroom_bytes=room)
    (job,) = climb(book, 1, rate, 31).jobs
    assert job.seconds_to_limit is None


def test_the_time_to_the_limit_is_the_headroom_at_the_floors_rate() -> None:
    book = ScriptedLedger()
    book.start(1, 100)
    climb(book, 1, 2, 30)
    book.cgroup(charge_bytes=160 * MIB, limit_bytes=200 * MIB, headroom_bytes=40 * MIB)
    (job,) = climb(book, 1, 2, 1).jobs
    assert job.usage.anon_bytes == 160 * MIB
    assert job.seconds_to_limit == pytest.approx(20)
    assert job.limit_share == pytest.approx(0.8)


def test_page_cache_in_the_charge_is_room() -> None:
    book = ScriptedLedger()
    book.start(1, 100)
    climb(book, 1, 2, 30)
    book.cgroup(charge_bytes=1000 * MIB, limit_bytes=1000 * MIB, headroom_bytes=0)
    (job,) = climb(book, 1, 2, 1).jobs
    assert job.seconds_to_limit == pytest.approx((1000 - 160) / 2)


def test_what_another_job_of_the_cgroup_holds_is_no_room() -> None:
    book = ScriptedLedger()
    book.start(1, 100)
    book.start(2, 500, identity("other"))
    climb(book, 1, 2, 30)
    book.cgroup(charge_bytes=1000 * MIB, limit_bytes=1000 * MIB, headroom_bytes=0)
    by_name = {job.identity.name: job for job in climb(book, 1, 2, 1).jobs}
    assert by_name["build"].seconds_to_limit == pytest.approx((1000 - 660) / 2)
    assert by_name["other"].seconds_to_limit is None


def test_swap_is_growth_but_not_charged() -> None:
    book = ScriptedLedger()
    book.start(1, 100)
    climb(book, 1, 2, 30)
    usage = Usage(anon_bytes=60 * MIB, swap_bytes=100 * MIB)
    book.read(1, counters=ProcessCounters(usage=usage))
    book.cgroup(charge_bytes=80 * MIB, limit_bytes=100 * MIB, headroom_bytes=40 * MIB)
    (job,) = book.snapshot().jobs
    assert job.seconds_to_limit == pytest.approx((40 + 80 - 60) / 2)


def test_a_limit_more_than_a_week_away_is_no_news() -> None:
    book = ScriptedLedger()
    book.start(1, 100)
    climb(book, 1, 0.02, 60)
    book.cgroup(charge_bytes=0, limit_bytes=10**15, headroom_bytes=10**15)
    (job,) = climb(book, 1, 0.02, 1).jobs
    assert job.growth.bytes_per_second > 0
    assert job.seconds_to_limit is None


def test_ages_and_the_part_a_process_plays() -> None:
    book = ScriptedLedger()
    book.at = 2
    book.start(1, 1, role="telemetry")
    book.at = 5
    (job,) = book.snapshot().jobs
    assert job.age_ns == 3_000_000_000
    assert job.processes[0].role == "telemetry"
    # pid 1 of these tests was started 1 s after boot; the watch began 1,000 s after it.
    assert job.processes[0].age_ns == 10_004_000_000_000


def test_a_process_that_leaves_as_it_was_read_last_counts_no_more() -> None:
    book = ScriptedLedger()
    book.start(1, 5)
    book.start(2, 7)
    book.start(3, 9)
    assert [one.pid for one in book.snapshot().jobs[0].processes] == [3, 2, 1]
    book.exit(2, held(7))
    book.move(3, identity("other"))
    jobs = {job.identity.name: job for job in book.snapshot().jobs}
    assert [one.pid for one in jobs["build"].processes] == [1]
    assert jobs["build"].usage.anon_bytes == 5 * MIB
    assert jobs["other"].usage.anon_bytes == 9 * MIB
    assert (jobs["other"].peak_bytes, jobs["other"].peak_holder) == (9 * MIB, "gopls 3")
