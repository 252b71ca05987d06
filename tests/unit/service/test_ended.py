"""How long jobs that ended are kept."""

from dataclasses import replace

from ebpftrace.ledger import JobSnapshot, JobState, Snapshot
from ebpftrace.service.ended import EndedJobs
from ebpftrace.units import NS_PER_SECOND
from tests.support import watches

KEEP_NS = 30 * NS_PER_SECOND


def at(seconds: int, *jobs: JobSnapshot) -> Snapshot:
    return watches.snapshot(*jobs)._replace(monotonic_ns=seconds * NS_PER_SECOND)


def test_a_job_is_kept_with_its_peak_for_as_long_as_was_asked() -> None:
    ended = EndedJobs(KEEP_NS)
    assert ended.update(at(0, watches.job("a", [watches.process()]))) == {}
    kept = ended.update(at(1, watches.job("a", state=JobState.IDLE, peak=77)))
    assert kept["/ci/a"].job.peak_bytes == 77
    assert list(ended.update(at(30))) == ["/ci/a"]
    assert ended.update(at(31)) == {}


def test_it_does_not_return_while_the_ledger_still_has_it() -> None:
    ended = EndedJobs(KEEP_NS)
    idle = watches.job("a", state=JobState.IDLE)
    for second in range(60):
        assert bool(ended.update(at(second, idle))) == (second < 30)


def test_a_job_that_runs_again_has_not_ended() -> None:
    ended = EndedJobs(KEEP_NS)
    ended.update(at(0, watches.job("a", state=JobState.IDLE)))
    assert ended.update(at(1, watches.job("a", [watches.process()]))) == {}
    assert list(ended.update(at(2, watches.job("a", state=JobState.GONE)))) == ["/ci/a"]


def test_what_did_not_change_is_the_same_object() -> None:
    ended = EndedJobs(KEEP_NS)
    idle = watches.job("a", state=JobState.IDLE)
    assert ended.update(at(0, idle)) is ended.update(at(1, idle))


def test_they_are_bounded_and_the_longest_ended_leave_first() -> None:
    ended = EndedJobs(KEEP_NS)
    for second in range(3):
        jobs = [watches.job(f"{second}-{n}", state=JobState.IDLE) for n in range(2000)]
        kept = ended.update(at(second, *jobs))
    assert len(kept) == 3072  # three quarters of all, in one cgroup and below
    assert "/ci/0-0" not in kept
    assert "/ci/2-1999" in kept
    assert ended.update(at(3, *jobs)) is kept


def test_those_of_one_cgroup_take_no_place_of_those_beside_it() -> None:
    ended, other = EndedJobs(KEEP_NS), watches.job("other", state=JobState.IDLE)
    other = replace(other, identity=other.identity._replace(cgroup="/other"))
    ended.update(at(0, other))
    for second in range(5):
        jobs = [watches.job(f"{second}-{n}", state=JobState.IDLE) for n in range(2000)]
        kept = ended.update(at(second, *jobs))
    assert "/ci/other" in kept
