"""Whose kill it was: the event says it, and the cgroup's count where the event was lost."""

from ebpftrace.counters import Usage
from ebpftrace.events import OomKilled
from ebpftrace.ledger import OomNote
from ebpftrace.units import MIB
from tests.support.scripted_ledger import ScriptedLedger, identity, key


def noted(book: ScriptedLedger) -> list[OomNote]:
    return [note for note in book.notes() if isinstance(note, OomNote)]


def test_a_tracked_victim_is_its_jobs() -> None:
    book = ScriptedLedger()
    book.start(1, 190)
    book.oom(1, identity("wrong"))  # the ledger knew its job before it was dying
    (note,) = noted(book)
    assert (note.job, note.key, note.tracked) == (identity(), key(1), True)
    assert (note.usage, note.limit_bytes) == (Usage(anon_bytes=190 * MIB), 200 * MIB)
    assert book.job().oom_kills == 1


def test_an_untracked_victim_in_a_known_cgroup_counts_there() -> None:
    book = ScriptedLedger()
    book.start(1, 5)
    book.oom(66, tracked=False)
    (note,) = noted(book)
    assert (note.job, note.tracked) == (identity(), False)
    assert book.job().oom_kills == 1


def test_a_kill_is_charged_to_the_named_job_of_a_shared_cgroup() -> None:
    book = ScriptedLedger()
    for pid, name in enumerate(("a", "b", "c")):
        book.start(pid, 1, identity(name))
    book.oom(66, identity("b"), tracked=False)
    assert [book.job(name).oom_kills for name in "abc"] == [0, 1, 0]


def test_a_kill_without_a_name_is_charged_to_a_running_job() -> None:
    book = ScriptedLedger()
    book.start(1, 1, identity("running"))
    book.start(2, 1, identity("ended"))
    book.exit(2)
    book.oom(66, identity("unheard of"), tracked=False)
    assert (book.job("running").oom_kills, book.job("ended").oom_kills) == (1, 0)


def test_a_strangers_kill_is_the_machines_only() -> None:
    book = ScriptedLedger()
    book.start(1, 5)
    book.oom(66, identity("stranger", cgroup_id=99), tracked=False)
    assert noted(book) == []
    assert book.job().oom_kills == 0
    assert book.snapshot().node_oom_kills == 1
    assert len(book.final().jobs) == 1


def test_a_tracked_victim_whose_start_was_lost_opens_its_job() -> None:
    book = ScriptedLedger()
    book.oom(1, identity("unseen", cgroup_id=99))
    assert noted(book)[0].job == identity("unseen", cgroup_id=99)
    job = book.job("unseen")
    assert (job.oom_kills, job.started, job.processes) == (1, 0, ())


def test_a_victim_without_any_identity_is_no_error() -> None:
    book = ScriptedLedger()
    book.ledger.apply(OomKilled(book.now_ns, key(1), "x", 0, Usage(), True))
    assert (book.snapshot().node_oom_kills, book.final().jobs) == (1, ())


def test_a_kill_without_an_event_is_charged_by_the_counter() -> None:
    book = ScriptedLedger()
    book.start(1, 5)
    book.cgroup(oom_kills=0)
    book.cgroup(oom_kills=2)
    assert book.job().oom_kills == 2
    book.oom(66, tracked=False, kernel_count=3)
    book.cgroup(oom_kills=3)
    assert book.job().oom_kills == 3


def test_kills_before_the_watch_are_not_ours() -> None:
    book = ScriptedLedger()
    book.start(1, 5)
    book.cgroup(oom_kills=5)
    assert book.job().oom_kills == 0
    book.cgroup(oom_kills=6)
    assert book.job().oom_kills == 1


def test_a_kill_before_the_first_reading_counts_once_and_others_are_not_lost() -> None:
    book = ScriptedLedger()
    book.start(1, 5)
    book.oom(66, tracked=False, kernel_count=6)  # five before our time
    book.cgroup(oom_kills=6)
    assert book.job().oom_kills == 1
    book.cgroup(oom_kills=7)  # the record of this one was lost
    assert book.job().oom_kills == 2


def test_a_kill_of_one_job_is_none_of_another_in_the_same_cgroup() -> None:
    """A gopls daemon of an earlier run lives on in the runner's cgroup."""
    book = ScriptedLedger()
    daemon, run = identity("daemon"), identity("run")
    book.start(1, 50, daemon)
    book.cgroup(oom_kills=0)
    book.start(2, 150, run)
    book.cgroup(oom_kills=0)
    book.oom(2, run)
    book.cgroup(oom_kills=1)
    assert (book.job("daemon").oom_kills, book.job("run").oom_kills) == (0, 1)
    book.oom(2, run, kernel_count=2)
    book.cgroup(oom_kills=2)
    assert (book.job("daemon").oom_kills, book.job("run").oom_kills) == (0, 2)


def test_nor_before_that_cgroup_was_read() -> None:
    book = ScriptedLedger()
    book.start(1, 50, identity("daemon"))
    book.start(2, 150, identity("run"))
    book.oom(2, identity("run"))
    book.cgroup(oom_kills=1)
    assert (book.job("daemon").oom_kills, book.job("run").oom_kills) == (0, 1)


def test_a_cgroup_that_goes_at_once_takes_nothing_with_it() -> None:
    book = ScriptedLedger()
    book.start(1, 190)
    book.oom(1)
    book.exit(1, signal=9)
    book.cgroup_gone(oom_kills=1, limit_bytes=200 * MIB)
    job = book.job()
    assert (job.oom_kills, job.state, job.cgroup.limit_bytes) == (1, "gone", 200 * MIB)
    assert len(noted(book)) == 1


def test_the_last_counters_of_a_cgroup_show_a_lost_kill() -> None:
    book = ScriptedLedger()
    book.start(1, 190)
    book.cgroup(oom_kills=0)
    book.exit(1, signal=9)
    book.cgroup_gone(oom_kills=1)
    assert book.job().oom_kills == 1


def test_all_kills_of_the_machine_are_counted() -> None:
    book = ScriptedLedger()
    book.start(1, 5)
    book.oom(1)
    book.oom(66, identity("stranger", cgroup_id=99), tracked=False)
    assert book.snapshot().node_oom_kills == book.final().node_oom_kills == 2


def test_a_cgroup_that_lived_between_two_readings_keeps_its_kill() -> None:
    book = ScriptedLedger()
    book.cgroup_made()
    book.start(1, 190)
    book.exit(1, signal=9)  # the record of the kill was lost
    book.cgroup_gone(oom_kills=1)
    assert book.job().oom_kills == 1


def test_an_old_cgroup_that_goes_unread_has_kills_of_before() -> None:
    book = ScriptedLedger()
    book.start(1, 190)
    book.exit(1)
    book.cgroup_gone(oom_kills=3)
    assert book.job().oom_kills == 0


def test_a_lost_kill_counts_after_a_kill_without_counters() -> None:
    book = ScriptedLedger()
    book.start(1, 5)
    book.oom(66, tracked=False, kernel_count=None)
    book.cgroup(oom_kills=1)
    assert book.job().oom_kills == 1
    book.cgroup(oom_kills=2)
    assert book.job().oom_kills == 2


def test_a_kill_that_is_heard_of_after_it_was_counted_is_one() -> None:
    book = ScriptedLedger()
    book.start(1, 50, identity("first"))
    book.start(2, 50, identity("latest"))
    book.cgroup(oom_kills=0)
    book.cgroup(oom_kills=2)
    assert (book.job("first").oom_kills, book.job("latest").oom_kills) == (0, 2)
    book.oom(1, identity("first"), kernel_count=2)
    assert (book.job("first").oom_kills, book.job("latest").oom_kills) == (1, 1)
    book.oom(2, identity("latest"), kernel_count=2)
    assert (book.job("first").oom_kills, book.job("latest").oom_kills) == (1, 1)


def test_kills_while_no_process_ran_are_not_the_next_jobs() -> None:
    book = ScriptedLedger()
    book.cgroup_made()
    book.start(1, 5, identity("one"))
    book.cgroup(oom_kills=1)
    book.exit(1)
    book.start(2, 5, identity("two"))
    book.cgroup(oom_kills=4)
    assert (book.job("one").oom_kills, book.job("two").oom_kills) == (1, 0)
    book.cgroup(oom_kills=5)
    assert (book.job("one").oom_kills, book.job("two").oom_kills) == (1, 1)


def test_a_kill_elsewhere_than_its_process_was_last_seen_is_charged_once() -> None:
    """The record of the move into cgroup 8 was lost."""
    book = ScriptedLedger()
    book.start(1, 5)
    book.start(2, 5, identity("there", cgroup_id=8))
    book.cgroup(8, oom_kills=0)
    book.oom(1, identity("there", cgroup_id=8))
    book.cgroup(8, oom_kills=1)
    assert (book.job("build").oom_kills, book.job("there").oom_kills) == (1, 0)


def test_a_kill_after_the_cgroup_went_counts() -> None:
    book = ScriptedLedger()
    book.start(1, 190)
    book.cgroup(oom_kills=0)
    book.cgroup_gone(oom_kills=0)
    book.oom(1)
    assert book.job().oom_kills == 1
