"""What a whole watch in scripted time writes into the history, and what pasts it has."""

import signal
import threading
from functools import partial
from pathlib import Path

import pytest

from ebpftrace.counters import CgroupCounters
from ebpftrace.engine.recording import recorder as recorder_module
from ebpftrace.engine.recording.recorder import HistoryRecorder
from ebpftrace.engine.waiting.waiter import Waiter
from ebpftrace.errors import HistoryError
from ebpftrace.events import CgroupMade, ProcessKey, ProcessStarted, StartCause
from ebpftrace.history.run import Run, RunEnd
from ebpftrace.host.ready import wait_readable
from ebpftrace.ledger import LossNote, Snapshot
from ebpftrace.probe import Selection
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.scripted_probe import holding
from tests.support.scripted_store import ScriptedStore
from tests.support.scripted_time import BEGAN_NS, UNIX_NS
from tests.support.scripted_watch import GROUP, ScriptedWatch, fake_key

MAKE, GCC = fake_key(), fake_key(1)


@pytest.fixture(autouse=True)
def writes_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """In scripted time none would be: the history's thread is real."""
    monkeypatch.setattr(
        Waiter, "wait_until_readable", lambda _waiter, fd, seconds: wait_readable(fd, seconds)
    )


MEMORY_STAT = "total_rss {rss}\ntotal_shmem 0\ntotal_cache 0\ntotal_swap 0\n"


@pytest.fixture
def scripted(tmp_path: Path) -> ScriptedWatch:
    return ScriptedWatch(tmp_path, selection=Selection(comms=("*",)), history=ScriptedStore())


def contents(scripted: ScriptedWatch, mib: int) -> None:
    """What the cgroup's memory.stat has from now on."""
    folder = scripted.folder / "ci"
    folder.mkdir(exist_ok=True)
    (folder / "memory.stat").write_text(MEMORY_STAT.format(rss=mib * MIB))


def kept(scripted: ScriptedWatch, seconds: float = 10) -> list[Run]:
    assert scripted.history is not None
    scripted.run(duration_ns=int(seconds * NS_PER_SECOND))
    return scripted.history.kept


def climbing(scripted: ScriptedWatch, *, limit: int | None = None) -> None:
    """A job that holds 10, 110, 210 MiB, a second each, and 60 MiB at last."""
    scripted.at(0.5, lambda: scripted.start(MAKE, 10, "make", limit=limit))
    for second, mib in ((1.5, 110), (2.5, 210), (3.5, 60)):
        scripted.at(second, partial(scripted.probe.hold, MAKE, mib))
    scripted.at(5.5, lambda: scripted.exit(MAKE, comm="make"))


def gone(scripted: ScriptedWatch, second: float = 6) -> None:
    scripted.at(second, lambda: scripted.remove_cgroup(GROUP, "/ci"))


def test_a_run_is_recorded_when_its_cgroup_is_removed(scripted: ScriptedWatch) -> None:
    climbing(scripted)
    gone(scripted)
    (written,) = kept(scripted)
    assert (written.job.name, written.job.place) == ("/ci", "/ci")
    assert written.end is RunEnd.OK
    assert written.clean
    assert written.start_time_ns == UNIX_NS + BEGAN_NS + NS_PER_SECOND // 2
    assert written.duration_ns == 5 * NS_PER_SECOND
    assert written.limit_bytes is None
    assert written.peak_bytes == 210 * MIB
    assert [(point.age_s, point.held_bytes // MIB) for point in written.curve] == [
        (0.5, 10), (1.5, 110), (2.5, 210), (3.5, 60), (4.5, 60),
    ]  # fmt: skip
    assert written.measured == "v1 processes comm '*'"
    assert written.programs == (("make", ""),)


def test_the_whole_cgroup_counts_where_it_has_a_limit(scripted: ScriptedWatch) -> None:
    climbing(scripted, limit=400 * MIB)
    contents(scripted, 30)
    scripted.at(2.2, lambda: contents(scripted, 300))
    gone(scripted)
    (written,) = kept(scripted)
    assert (written.limit_bytes, written.measured) == (400 * MIB, "v1 cgroup")
    assert written.peak_bytes == 300 * MIB


def test_a_run_whose_measure_changed_is_comparable_with_none(scripted: ScriptedWatch) -> None:
    climbing(scripted)
    contents(scripted, 30)
    limited = CgroupCounters(limit_bytes=400 * MIB)
    scripted.at(2.2, lambda: scripted.probe.cgroups.update({GROUP: limited}))
    gone(scripted)
    (written,) = kept(scripted)
    assert (written.measured, written.end) == ("several", RunEnd.UNKNOWN)


def test_a_job_without_a_process_for_a_minute_has_ended(scripted: ScriptedWatch) -> None:
    climbing(scripted)
    (written,) = kept(scripted, 80)
    assert written.end is RunEnd.OK
    assert written.duration_ns == 5 * NS_PER_SECOND


def test_a_job_that_returns_within_a_minute_is_the_same_run(scripted: ScriptedWatch) -> None:
    climbing(scripted)
    scripted.at(20.5, lambda: scripted.start(GCC, 300, "gcc"))
    scripted.at(22.5, lambda: scripted.exit(GCC, comm="gcc"))
    gone(scripted, 23)
    (written,) = kept(scripted, 30)
    assert (written.peak_bytes, written.duration_ns) == (300 * MIB, 22 * NS_PER_SECOND)


def test_a_job_that_ended_just_before_the_watch_is_recorded(scripted: ScriptedWatch) -> None:
    climbing(scripted)
    assert len(kept(scripted, 7)) == 1


def test_a_job_that_still_runs_at_the_end_of_the_watch_is_not(scripted: ScriptedWatch) -> None:
    scripted.at(0.5, lambda: scripted.start(MAKE, 10, "make"))
    assert kept(scripted) == []


def test_a_job_that_ran_long_before_the_watch_is_not_clean(scripted: ScriptedWatch) -> None:
    """The process started at boot, hours before the script begins."""
    start(scripted, MAKE, how=StartCause.FOUND)
    scripted.at(5.5, lambda: scripted.exit(MAKE, comm="make"))
    gone(scripted)
    (written,) = kept(scripted)
    assert written.end is RunEnd.UNKNOWN
    assert not written.clean


def test_a_job_that_began_just_before_the_watch_is_clean(scripted: ScriptedWatch) -> None:
    key = ProcessKey(MAKE.pid, BEGAN_NS - 3 * NS_PER_SECOND)
    start(scripted, key, how=StartCause.FOUND)
    scripted.at(5.5, lambda: scripted.exit(key, comm="make"))
    gone(scripted)
    (written,) = kept(scripted)
    assert written.clean
    assert written.start_time_ns == UNIX_NS + BEGAN_NS - 3 * NS_PER_SECOND


def test_a_job_that_fails_is_not_clean(scripted: ScriptedWatch) -> None:
    scripted.at(0.5, lambda: scripted.start(MAKE, 10, "make"))
    scripted.at(5.5, lambda: scripted.exit(MAKE, comm="make", exit_code=2))
    gone(scripted)
    assert [written.end for written in kept(scripted)] == [RunEnd.FAILED]


def test_a_job_with_an_oom_kill_is_not_clean(scripted: ScriptedWatch) -> None:
    scripted.at(0.5, lambda: scripted.start(MAKE, 10, "make"))
    scripted.at(4.2, lambda: scripted.oom_kill(MAKE))
    scripted.at(4.3, lambda: scripted.exit(MAKE, comm="make", signal=signal.SIGKILL))
    gone(scripted)
    assert [written.end for written in kept(scripted)] == [RunEnd.OOM_KILLED]


def test_a_service_that_is_restarted_has_two_runs(scripted: ScriptedWatch) -> None:
    path = "/system.slice/ci.service"
    scripted.at(0.5, lambda: start(scripted, MAKE, GROUP, path))
    scripted.at(2.5, lambda: scripted.exit(MAKE, comm="make", exit_code=1))
    scripted.at(2.6, lambda: scripted.remove_cgroup(GROUP, path))
    scripted.at(4.5, lambda: start(scripted, GCC, GROUP + 1, path))
    scripted.at(8.5, lambda: scripted.exit(GCC, comm="make"))
    scripted.at(8.6, lambda: scripted.remove_cgroup(GROUP + 1, path))
    newest, first = kept(scripted, 12)
    assert newest.job == first.job
    assert (first.end, newest.end) == (RunEnd.FAILED, RunEnd.OK)
    assert (first.curve[0].age_s, newest.curve[0].age_s) == (0.5, 0.5)
    assert newest.duration_ns == 4 * NS_PER_SECOND


def start(
    scripted: ScriptedWatch, key: ProcessKey, group: int = GROUP, path: str = "/ci",
    how: StartCause = StartCause.EXEC,
) -> None:  # fmt: skip
    now = scripted.time.now_ns
    scripted.probe.cgroups[group] = CgroupCounters()
    scripted.probe.emit(
        CgroupMade(now, group, path),
        ProcessStarted(now, key, 1, how, "make", group, counters=holding(20)),
    )


def test_what_cannot_be_written_is_said_once_and_the_watch_continues(
    scripted: ScriptedWatch,
) -> None:
    def fail() -> None:
        raise HistoryError("the history x is damaged", why="not a database")

    scripted.history = ScriptedStore(before=fail)
    climbing(scripted)
    gone(scripted)
    assert kept(scripted) == []
    told = [text for text in scripted.view.remarks if "history" in text]
    assert told == [
        "the history x is damaged: not a database; the watch continues without past runs"
    ]
    assert len(scripted.view.all(Snapshot)) == 11


def test_what_was_lost_is_counted(
    scripted: ScriptedWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HistoryRecorder, "lost", 3)
    climbing(scripted)
    kept(scripted)
    assert [(note.cause, note.total) for note in scripted.view.all(LossNote)] == [
        ("history", 3)
    ]
    assert scripted.view.all(Snapshot)[-1].losses["history"] == 3


def test_an_end_that_waited_long_enough_says_so(
    scripted: ScriptedWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(recorder_module, "_END_SECONDS", 0.01)
    scripted.history = ScriptedStore(before=release.wait)
    climbing(scripted)
    kept(scripted)
    release.set()
    (told,) = [text for text in scripted.view.remarks if "history" in text]
    assert told.startswith("the history is not written in time")


def test_one_reading_and_a_watch_without_a_history_record_nothing(
    scripted: ScriptedWatch,
) -> None:
    climbing(scripted)
    scripted.history = None
    before = set(threading.enumerate())  # a store of an earlier test may still end
    scripted.run()
    started = set(threading.enumerate()) - before
    assert "history" not in {thread.name for thread in started}
    assert not list(scripted.folder.glob("history*"))


def test_a_history_that_hangs_does_not_delay_a_snapshot(scripted: ScriptedWatch) -> None:
    release = threading.Event()
    scripted.history = ScriptedStore(before=release.wait)
    climbing(scripted)
    scripted.at(6.5, release.set)
    view = scripted.run(duration_ns=8 * NS_PER_SECOND)
    assert view.times("snapshot") == list(range(8))
    assert len(scripted.history.kept) == 1
