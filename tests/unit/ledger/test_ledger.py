"""What the ledger makes of events, one by one."""

import pytest

from ebpftrace.counters import Delays
from ebpftrace.events import (
    ProcessDelayed,
    ProcessExited,
    ProcessKey,
    ProcessMoved,
    ProcessRead,
    StartCause,
)
from ebpftrace.ledger import JobState, ProcessChange, ProcessNote
from ebpftrace.units import MIB
from tests.support.scripted_ledger import BEGAN_NS, UNIX_NS, ScriptedLedger, held, identity, key


def events(book: ScriptedLedger) -> list[tuple[str, int]]:
    """What the process notes tell, and takes them."""
    return [
        (note.event, note.key.pid) for note in book.notes() if isinstance(note, ProcessNote)
    ]


def test_an_empty_watch() -> None:
    book = ScriptedLedger()
    book.at = 3
    snapshot = book.snapshot()
    assert (snapshot.sequence, snapshot.jobs, snapshot.elapsed_ns) == (1, (), 3_000_000_000)
    assert (snapshot.monotonic_ns, snapshot.time_ns) == (book.now_ns, UNIX_NS + book.now_ns)
    assert book.notes() == ()
    assert book.snapshot().sequence == 2


@pytest.mark.parametrize("how", StartCause)
def test_a_start_is_noted_and_booked(how: StartCause) -> None:
    book = ScriptedLedger()
    book.start(4711, 5, how=how, role="telemetry")
    (note,) = book.notes()
    assert isinstance(note, ProcessNote)
    assert (note.event, note.key, note.comm) == (how.value, key(4711), "gopls")
    assert (note.cmdline, note.job, note.role) == ("gopls serve", identity(), "telemetry")
    assert (note.monotonic_ns, note.time_ns) == (BEGAN_NS, UNIX_NS + BEGAN_NS)
    assert note.start_time_ns == UNIX_NS + key(4711).start_boottime_ns
    assert (note.exit_code, note.signal, note.executed) == (None, None, False)
    (job,) = book.snapshot().jobs
    assert (job.started, job.state, job.usage.anon_bytes) == (1, "running", 5 * MIB)


def test_age_is_right_after_a_suspend() -> None:
    """The boot clock is hours ahead of the one the watch goes by: else it were young for
    hours, and a policy's grace would keep it."""
    book = ScriptedLedger()
    book.start(40_000)
    book.at = 30
    (process,) = book.snapshot().jobs[0].processes
    assert process.age_ns == 30_000_000_000


@pytest.mark.parametrize("how", sorted(set(StartCause) - {StartCause.EXEC}))
def test_what_executes_while_the_running_are_looked_through_starts_once(
    how: StartCause,
) -> None:
    book = ScriptedLedger()
    book.start(1, 3)
    book.start(1, 1, how=how)
    assert events(book) == [("exec", 1)]
    (job,) = book.snapshot().jobs
    assert (job.started, job.usage.anon_bytes) == (1, 3 * MIB)


def test_an_exec_replaces_a_process_whose_exit_was_lost() -> None:
    book = ScriptedLedger()
    book.start(1, 300, how=StartCause.FOUND)
    book.snapshot()
    book.start(1, 3, comm="go")
    (job,) = book.snapshot().jobs
    assert (job.started, job.usage.anon_bytes) == (1, 3 * MIB)
    assert job.processes[0].comm == "go"
    assert job.peak_bytes == 300 * MIB


def test_an_exec_is_an_exit_and_a_start_of_one_process() -> None:
    book = ScriptedLedger()
    book.start(1, 300, how=StartCause.FORK, comm="sh")
    book.exit(1, held(300), executed=True, comm="sh")
    book.start(1, 2)
    exit_note = next(
        note
        for note in book.notes()
        if isinstance(note, ProcessNote) and note.event is ProcessChange.EXIT
    )
    assert (exit_note.executed, exit_note.comm) == (True, "sh")
    (job,) = book.snapshot().jobs
    assert (job.started, len(job.processes), job.usage.anon_bytes) == (1, 1, 2 * MIB)


def test_an_exec_into_another_job_counts_in_both() -> None:
    book = ScriptedLedger()
    book.start(1, 1)
    book.exit(1, executed=True)
    book.start(1, 1, identity("next"))
    assert (book.job("build").started, book.job("next").started) == (1, 1)


def test_an_exec_of_a_program_that_is_not_watched_ends_the_process() -> None:
    book = ScriptedLedger()
    book.start(1, 1)
    book.exit(1, executed=True)
    assert book.running() == ()
    book.start(1, 1)  # much later it executes a watched one again
    assert book.job().started == 2


@pytest.mark.parametrize(("code", "signal"), [(0, 0), (2, 0), (0, 9)])
def test_an_exit_note_has_code_signal_and_last_counters(code: int, signal: int) -> None:
    book = ScriptedLedger()
    book.start(1, 5)
    book.exit(1, held(7, peak=9), code=code, signal=signal)
    _, note = book.notes()
    assert isinstance(note, ProcessNote)
    assert (note.event, note.exit_code, note.signal) == ("exit", code, signal)
    assert note.counters == held(7, peak=9)
    assert book.running() == ()
    assert (book.job().state, book.job().peak_bytes) == ("idle", 9 * MIB)


def test_a_new_name_is_noted_and_kept() -> None:
    book = ScriptedLedger()
    book.start(1, 5)
    book.rename(1, "worker")
    (job,) = book.snapshot().jobs
    assert (job.processes[0].comm, job.peak_holder) == ("worker", "worker 1")
    assert events(book) == [("exec", 1), ("rename", 1)]


def test_an_exit_has_the_kernels_last_word_on_the_name() -> None:
    book = ScriptedLedger()
    book.start(1, 5)
    book.exit(1, comm="renamed")  # the record of the renaming was lost
    _, note = book.notes()
    assert isinstance(note, ProcessNote)
    assert note.comm == "renamed"


def test_a_move_takes_the_whole_account_to_the_other_job() -> None:
    book = ScriptedLedger()
    other = identity("other", cgroup_id=8)
    book.start(1, 40)
    book.start(2, 2)
    book.at = 1
    book.snapshot()
    book.move(1, other)
    by_name = {job.identity.name: job for job in book.snapshot().jobs}
    assert by_name["build"].usage.anon_bytes == 2 * MIB
    assert by_name["other"].usage.anon_bytes == 40 * MIB
    assert by_name["other"].processes[0].growth.bytes_total == 0
    assert (by_name["build"].started, by_name["other"].started) == (2, 1)
    assert events(book)[-1] == ("moved", 1)
    book.move(2, other)
    assert [job.identity for job in book.running()] == [other]
    assert book.job("build").state is JobState.IDLE


def test_a_move_within_the_job_and_a_name_it_has_already_are_no_news() -> None:
    book = ScriptedLedger()
    book.start(1, 40)
    book.move(1, identity())
    book.rename(1, "gopls")
    assert events(book) == [("exec", 1)]
    assert book.job().started == 1


def test_readings_are_exact_at_once() -> None:
    book = ScriptedLedger()
    book.start(1, 1)
    book.read(1, 33)
    assert book.snapshot().usage.anon_bytes == 33 * MIB


def test_delays_are_the_last_that_were_read() -> None:
    book = ScriptedLedger()
    book.start(1, 1)
    (job,) = book.running()
    assert job.processes[0].delays is None
    for reclaim_ns in (5, 9):
        delays = Delays(1, reclaim_ns, 2)
        book.ledger.apply(ProcessDelayed(book.now_ns, key(1), delays))
        (job,) = book.running()
        assert job.processes[0].delays == delays


def test_an_event_of_an_unknown_process_is_no_error() -> None:
    book = ScriptedLedger()
    book.read(9, 5)
    book.ledger.apply(ProcessDelayed(book.now_ns, key(9), Delays(1, 2, 3)))
    book.exit(9)
    book.rename(9, "x")
    book.move(9, identity())
    book.ledger.apply(ProcessMoved(book.now_ns, key(9), 7))  # without its job
    book.cgroup(99, oom_kills=3)
    book.cgroup_gone(99, oom_kills=3)
    assert (book.snapshot().jobs, book.final().jobs, book.notes()) == ((), (), ())


def test_what_comes_after_the_exit_changes_nothing() -> None:
    book = ScriptedLedger()
    book.start(1, 5)
    book.exit(1, held(0, peak=5))
    book.notes()
    book.read(1, 500)
    book.exit(1, held(900))
    book.rename(1, "late")
    book.move(1, identity("late"))
    assert (book.running(), book.notes()) == ((), ())
    assert book.job().peak_bytes == 5 * MIB


def test_a_pid_used_again_is_another_process() -> None:
    book = ScriptedLedger()
    book.start(1, 5)
    again = ProcessKey(1, key(1).start_boottime_ns + 1)
    book.ledger.apply(ProcessRead(book.now_ns, again, held(900)))
    book.ledger.apply(ProcessExited(book.now_ns, again, "gopls", 0, 0, held(900)))
    assert book.snapshot().usage.anon_bytes == 5 * MIB


def test_jobs_come_largest_first_and_at_the_end_by_peak() -> None:
    book = ScriptedLedger()
    book.start(1, 5, identity("small", 1))
    book.start(2, 50, identity("large", 2))
    book.start(3, 500, identity("ended", 3))
    book.exit(3, held(0, peak=500))
    snapshot = book.snapshot()
    assert [job.identity.name for job in snapshot.jobs] == ["large", "small", "ended"]
    assert (snapshot.running_count, snapshot.process_count) == (2, 2)
    final = book.final()
    assert [job.identity.name for job in final.jobs] == ["ended", "large", "small"]
    assert (final.final, final.process_count) == (True, 2)


def test_a_job_that_has_ended_takes_no_cgroup_from_the_job_beside_it() -> None:
    """A process that is gone before its environment is read counts as the cgroup's own job."""
    scripted = ScriptedLedger()
    scripted.start(1, 10, identity("build"))
    scripted.cgroup(7, limit_bytes=1000 * MIB)
    assert scripted.job("build").alone
    scripted.start(2, 1, identity("cgroup"))
    assert not scripted.job("build").alone
    scripted.exit(2)
    assert scripted.job("build").alone
    assert not scripted.job("cgroup").alone
