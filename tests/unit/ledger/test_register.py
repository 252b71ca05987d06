"""Jobs that share a cgroup, that end, and that are forgotten."""

import pytest

from ebpftrace.counters import Usage
from ebpftrace.ledger import JobState, ProcessNote, register
from ebpftrace.units import MIB
from tests.support.scripted_ledger import ScriptedLedger, held, identity


@pytest.fixture
def three_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "MAX_ENDED_JOBS", 3)


def ended(book: ScriptedLedger, *names: str) -> None:
    for pid, name in enumerate(names, 100):
        book.start(pid, 1, identity(name, cgroup_id=pid))
        book.exit(pid)


def names(book: ScriptedLedger) -> set[str]:
    return {job.identity.name for job in book.final().jobs}


def test_two_jobs_one_after_the_other_in_one_cgroup() -> None:
    """A bare GitHub runner: one cgroup, jobs distinguished by the run's variables."""
    book = ScriptedLedger()
    one, two = identity("one"), identity("two")
    book.start(1, 100, one)
    book.cgroup(oom_kills=0, stalls=3, stalled_ns=300, charge_bytes=100 * MIB)
    book.oom(1, one)
    book.exit(1, held(0, peak=100), signal=9)
    book.cgroup(oom_kills=1, stalls=5, stalled_ns=500)
    book.start(2, 20, two)
    book.cgroup(oom_kills=1, stalls=6, stalled_ns=560, charge_bytes=20 * MIB)
    (job,) = book.running()
    assert (job.identity, job.oom_kills, job.stalls, job.stalled_ns) == (two, 0, 1, 60)
    assert job.peak_bytes == 20 * MIB
    before = book.job("one")
    assert (before.oom_kills, before.stalls, before.stalled_ns) == (1, 5, 500)
    assert before.peak_bytes == 100 * MIB
    book.exit(2)
    book.cgroup_gone(oom_kills=4, stalls=9, stalled_ns=900)
    assert (book.job("two").oom_kills, book.job("two").stalls) == (3, 4)
    assert (book.job("one").oom_kills, book.job("one").stalls) == (1, 5)
    assert book.job("one").state == book.job("two").state is JobState.GONE


def test_a_service_is_one_job_though_systemd_makes_it_a_cgroup_at_each_start() -> None:
    book = ScriptedLedger()
    first = identity("a.service")._replace(key="systemd:/a.service", cgroup_id=7)
    book.start(1, 100, first)
    book.cgroup(7, oom_kills=0, stalls=2, stalled_ns=20, limit_bytes=200 * MIB)
    book.exit(1, held(0, peak=100))
    book.cgroup_gone(7, stalls=3, stalled_ns=30)
    assert book.job("a.service").state is JobState.GONE
    second = first._replace(cgroup_id=8)
    book.cgroup_made(8)
    book.start(2, 10, second)
    book.cgroup(8, stalls=1, stalled_ns=5, limit_bytes=300 * MIB)
    book.cgroup(7, stalls=9, stalled_ns=90, limit_bytes=1)  # of no job any more
    (job,) = book.running()
    assert job.identity == second
    assert (job.started, job.peak_bytes) == (2, 100 * MIB)
    assert (job.stalls, job.stalled_ns, job.cgroup.limit_bytes) == (4, 35, 300 * MIB)
    assert len(book.final().jobs) == 1


def test_a_cgroup_that_has_a_process_again_is_not_gone() -> None:
    book = ScriptedLedger()
    book.start(1)
    book.exit(1)
    book.cgroup_gone()
    assert book.job().state is JobState.GONE
    book.start(2, 3)  # events out of order
    assert book.job().state is JobState.RUNNING
    book.cgroup(charge_bytes=77)
    assert book.job().cgroup.charge_bytes == 77


def test_four_thousand_ended_jobs_are_remembered_and_the_first_forgotten() -> None:
    book = ScriptedLedger()
    for number in range(register.MAX_ENDED_JOBS + 2):
        book.start(1, 1, identity(f"job-{number}", cgroup_id=number))
        book.exit(1)
    final = book.final()
    assert (len(final.jobs), final.forgotten_jobs) == (register.MAX_ENDED_JOBS, 2)
    assert not {"job-0", "job-1"} & {job.identity.name for job in final.jobs}


def test_jobs_that_ended_are_dropped_where_the_watch_takes_too_much_memory() -> None:
    book = ScriptedLedger()
    book.start(1, 1, identity("running", cgroup_id=1))
    ended(book, *(f"job-{number}" for number in range(register.MOST_RUNS + 3)))
    book.ledger.shed()
    final = book.final()
    assert (len(final.jobs), final.forgotten_jobs) == (1 + register.MOST_RUNS, 3)
    left = {job.identity.name for job in final.jobs}
    assert "running" in left and not {"job-0", "job-1", "job-2"} & left


@pytest.mark.usefixtures("three_at_most")
def test_the_job_that_ended_first_is_dropped_first() -> None:
    book = ScriptedLedger()
    book.start(1, 1, identity("long", cgroup_id=1))
    ended(book, "a", "b")
    book.exit(1)
    ended(book, "c")
    assert names(book) == {"b", "long", "c"}


@pytest.mark.usefixtures("three_at_most")
def test_a_job_that_runs_is_never_forgotten() -> None:
    book = ScriptedLedger()
    for pid in range(1, 9):
        book.start(pid, 1, identity(f"live-{pid}", cgroup_id=pid))
    ended(book, "a", "b", "c", "d")
    assert len(book.running()) == 8
    assert len(names(book)) == 11
    assert book.final().forgotten_jobs == 1


@pytest.mark.usefixtures("three_at_most")
def test_a_move_and_a_kill_leave_ended_jobs_too() -> None:
    book = ScriptedLedger()
    ended(book, "a", "b", "c")
    book.start(1, 1, identity("left", cgroup_id=1))
    book.move(1, identity("entered", cgroup_id=2))
    assert names(book) == {"b", "c", "left", "entered"}
    book.oom(66, identity("unseen", cgroup_id=3))
    assert names(book) == {"c", "left", "unseen", "entered"}


@pytest.mark.usefixtures("three_at_most")
def test_a_job_that_runs_again_is_not_among_the_ended() -> None:
    book = ScriptedLedger()
    ended(book, "a", "b", "c")
    book.start(1, 1, identity("a", cgroup_id=100))
    ended(book, "d")
    assert names(book) == {"a", "b", "c", "d"}
    assert book.job("a").started == 2
    book.exit(1)
    assert names(book) == {"c", "d", "a"}


@pytest.mark.usefixtures("three_at_most")
def test_a_forgotten_job_shares_no_cgroup_any_more() -> None:
    book = ScriptedLedger()
    ended(book, "a", "b", "c", "d")
    book.oom(66, identity("a", cgroup_id=100), tracked=False)
    assert "a" not in names(book)
    assert all(isinstance(note, ProcessNote) for note in book.notes())


def test_a_job_that_ended_is_shown_for_a_minute() -> None:
    book = ScriptedLedger()
    book.start(1, 190)
    book.start(2, 1, identity("other"))
    book.at = 10
    book.oom(1)
    book.exit(1, held(190), signal=9)
    book.at = 69.9
    running, idle = book.snapshot().jobs
    assert (running.identity.name, idle.identity.name) == ("other", "build")
    assert (idle.state, idle.oom_kills, idle.processes) == ("idle", 1, ())
    assert (idle.usage, idle.peak_bytes) == (Usage(), 190 * MIB)
    book.cgroup_gone(oom_kills=1)
    assert {job.state for job in book.snapshot().jobs if not job.processes} == {"gone"}
    book.at = 70
    assert book.snapshot().jobs == book.running()
    assert book.job().oom_kills == 1


def test_a_job_that_runs_again_ends_anew() -> None:
    book = ScriptedLedger()
    book.start(1)
    book.exit(1)
    book.at = 50
    book.start(2)
    assert len(book.running()) == 1
    book.at = 55
    book.exit(2)
    book.at = 110
    assert len(book.snapshot().jobs) == 1
    book.at = 116
    assert book.snapshot().jobs == ()


def test_a_victim_without_a_start_is_shown_for_a_minute_too() -> None:
    book = ScriptedLedger()
    book.at = 5
    book.oom(66)
    assert [job.oom_kills for job in book.snapshot().jobs] == [1]
    book.at = 66
    assert book.snapshot().jobs == ()


def test_a_path_that_is_known_later_is_taken() -> None:
    book = ScriptedLedger()
    unknown = identity()._replace(cgroup="", name="cgroup 7")
    book.start(1, 1, unknown)
    assert book.running()[0].identity == unknown
    book.start(2, 1, identity())
    assert book.running()[0].identity == identity()
    book.start(3, 1, unknown)
    assert book.running()[0].identity == identity()


def test_cgroups_without_a_job_are_remembered_within_a_bound() -> None:
    book = ScriptedLedger()
    for cgroup_id in range(register._MAX_MADE + 1):
        book.cgroup_made(cgroup_id)
    for pid in (1, register._MAX_MADE):
        book.start(pid, 1, identity(str(pid), pid))
        book.cgroup(pid, oom_kills=2)
        assert book.job(str(pid)).oom_kills == 2
    book.start(2, 1, identity("0", 0))  # that it was made first is forgotten
    book.cgroup(0, oom_kills=2)
    assert book.job("0").oom_kills == 0


def test_ended_runs_of_one_cgroup_make_room_for_others_of_it() -> None:
    """A process can name another CI run at each exec; jobs elsewhere are not forgotten."""
    book = ScriptedLedger()
    ended(book, "elsewhere")
    book.start(1, 1, identity("first"))
    for number in range(600):
        book.at += 0.001
        book.start(2, 1, identity(f"run-{number}"))
        book.exit(2)
    book.exit(1)
    book.start(3, 1, identity("last"))
    kept = names(book)
    assert {"elsewhere", "first", "run-599", "last"} <= kept, "first to begin, last to end"
    assert len(kept) == register.MOST_RUNS + 2
    assert book.final().forgotten_jobs == 603 - len(kept)


def test_a_cgroup_has_room_for_so_many_runs_with_processes() -> None:
    book = ScriptedLedger()
    admits = book.ledger.admits
    for number in range(register.MOST_RUNS):
        assert admits(identity(f"run-{number}"))
        book.start(number + 1, 1, identity(f"run-{number}"))
    another = identity("another")
    assert not admits(another)
    assert admits(identity("run-0")), "it is there"
    assert admits(identity("another", cgroup_id=8)), "another cgroup"
    assert admits(another._replace(key="7")), "the cgroup's own job"
    assert admits(another._replace(key="systemd:/a.service")), "a service"
    book.exit(5)
    assert admits(another)
    assert admits(identity("run-4")), "it is remembered"


def test_a_snapshot_has_the_latest_of_very_many_ended_jobs() -> None:
    book = ScriptedLedger()
    for number in range(600):
        book.start(1, 1, identity(f"job-{number}", cgroup_id=number))
        book.exit(1)
    book.start(1, 1, identity("live", cgroup_id=9999))
    shown = [job.identity.name for job in book.snapshot().jobs]
    assert len(shown) == 513
    assert {"live", "job-599", "job-88"} <= set(shown) and "job-87" not in shown
