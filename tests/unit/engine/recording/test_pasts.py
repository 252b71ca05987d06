"""The past of a job that runs, as the judge is given it, in scripted time."""

from functools import partial
from pathlib import Path

import pytest

from ebpftrace.counters import CgroupCounters
from ebpftrace.engine.recording.recorder import HistoryRecorder
from ebpftrace.engine.recording.worker import HistoryWorker
from ebpftrace.events import CgroupMade, ProcessStarted, StartCause
from ebpftrace.history.past import Past
from ebpftrace.history.recurring import recurring_job
from ebpftrace.history.run import Run
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge.finding import Finding, Severity
from ebpftrace.ledger import Snapshot
from ebpftrace.probe import Selection
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.runs import run
from tests.support.scripted_probe import holding
from tests.support.scripted_store import ScriptedStore
from tests.support.scripted_time import BEGAN_NS
from tests.support.scripted_watch import GROUP, ScriptedWatch, fake_key

MAKE = fake_key()
COUNTED = "v1 processes comm '*'"
UNLIMITED = run(limit_bytes=None, measured=COUNTED)


@pytest.fixture
def scripted(tmp_path: Path) -> ScriptedWatch:
    return ScriptedWatch(tmp_path, selection=Selection(comms=("*",)), history=ScriptedStore())


def climbing(scripted: ScriptedWatch, *mib: int) -> None:
    """A job that holds so much, each for a second, from 0.5 s on; its cgroup is removed."""
    scripted.at(0.5, lambda: scripted.start(MAKE, 10, "make"))
    for second, size in enumerate(mib, 1):
        scripted.at(second + 0.5, partial(scripted.probe.hold, MAKE, size))
    scripted.at(len(mib) + 1.5, lambda: scripted.exit(MAKE, comm="make"))
    scripted.at(len(mib) + 2, lambda: scripted.remove_cgroup(GROUP, "/ci"))


class Answered(HistoryWorker):
    """A worker that answers at once, on the caller's thread."""

    def __init__(self, *past: Run) -> None:
        super().__init__(ScriptedStore)
        self.past = past
        self.asked: list[str] = []

    def ask(self, job: JobIdentity) -> None:
        self.asked.append(job.key)
        self.answers.append((job.key, self.past))


@pytest.fixture
def pasts(
    scripted: ScriptedWatch, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[float, Past | None]]:
    """The past of the job at each snapshot, as the judge is given it."""
    seen: list[tuple[float, Past | None]] = []
    snapshot = HistoryRecorder.snapshot

    def look(recorder: HistoryRecorder, taken: Snapshot) -> None:
        snapshot(recorder, taken)
        for job in taken.jobs:
            seen.append(
                (
                    scripted.time.seconds,
                    recorder.past_of(job.identity, job.cgroup.limit_bytes),
                )
            )

    monkeypatch.setattr(HistoryRecorder, "snapshot", look)
    return seen


def answering(monkeypatch: pytest.MonkeyPatch, *past: Run) -> Answered:
    worker = Answered(*past)
    monkeypatch.setattr("ebpftrace.engine.recording.worker.HistoryWorker", lambda _open: worker)
    return worker


def test_the_past_is_asked_for_once_and_stays_the_same(
    scripted: ScriptedWatch, monkeypatch: pytest.MonkeyPatch,
    pasts: list[tuple[float, Past | None]],
) -> None:  # fmt: skip
    worker = answering(monkeypatch, UNLIMITED, UNLIMITED)
    climbing(scripted, 110, 210, 60, 60)
    scripted.run(duration_ns=8 * NS_PER_SECOND)
    assert worker.asked == [str(GROUP)]
    found = [(second, past) for second, past in pasts if past is not None]
    assert [second for second, _ in found] == [2, 3, 4, 5]  # from the second snapshot on
    assert len({id(past) for _, past in found}) == 1
    assert found[0][1] is not None
    assert (found[0][1].runs, found[0][1].peak_bytes) == (2, 190 * MIB)


def test_runs_under_other_conditions_are_no_past(
    scripted: ScriptedWatch, monkeypatch: pytest.MonkeyPatch,
    pasts: list[tuple[float, Past | None]],
) -> None:  # fmt: skip
    answering(monkeypatch, run(limit_bytes=None), run(limit_bytes=400 * MIB))
    climbing(scripted, 110, 210, 60, 60)
    scripted.run(duration_ns=8 * NS_PER_SECOND)
    assert {past for _, past in pasts} == {None}


def test_a_job_whose_start_was_not_seen_is_compared_with_whole_runs(
    scripted: ScriptedWatch, monkeypatch: pytest.MonkeyPatch,
    pasts: list[tuple[float, Past | None]],
) -> None:  # fmt: skip
    late = run([(0, 10), (300, 190)], limit_bytes=None, measured=COUNTED)
    answering(monkeypatch, late, late, late)
    scripted.probe.cgroups[GROUP] = CgroupCounters()
    scripted.probe.emit(
        CgroupMade(BEGAN_NS, GROUP, "/ci"),
        ProcessStarted(
            BEGAN_NS, MAKE, 1, StartCause.FOUND, "make", GROUP, counters=holding(20)
        ),
    )
    scripted.run(duration_ns=4 * NS_PER_SECOND)
    past = pasts[-1][1]
    assert past is not None
    assert past.inside(1, 190 * MIB, None)


def leaks(scripted: ScriptedWatch) -> list[Finding]:
    view = scripted.run(duration_ns=20 * NS_PER_SECOND)
    return [finding for finding in view.all(Finding) if finding.detector == "leak"]


def test_a_job_that_leaves_its_past_is_called(
    scripted: ScriptedWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, UNLIMITED, UNLIMITED, UNLIMITED)
    climbing(scripted, 60, 110, 160, 210, 260, 310)
    begin, *_ = leaks(scripted)
    assert begin.severity is Severity.WARNING
    assert begin.sentence.endswith(
        "holds 110 MiB at 2.5 s; in its last 3 runs at most 50 MiB until 18 s"
    )


@pytest.mark.parametrize("runs", [1, 3])
def test_a_job_inside_its_past_is_not_called_however_steep(
    scripted: ScriptedWatch, monkeypatch: pytest.MonkeyPatch, runs: int
) -> None:
    soon = run([(0, 10), (5, 300)], limit_bytes=None, measured=COUNTED)
    answering(monkeypatch, *[soon] * runs)
    climbing(scripted, 60, 110, 160, 210, 260, 310)
    assert leaks(scripted) == []


def test_a_job_that_has_just_changed_is_called_as_a_warning(
    scripted: ScriptedWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = run([(0, 100)], limit_bytes=None, measured=COUNTED)
    small = run([(0, 20)], limit_bytes=None, measured=COUNTED)
    answering(monkeypatch, changed, small, small)
    climbing(scripted, 60, 110, 160, 210, 260, 310)
    assert {finding.severity for finding in leaks(scripted)} == {Severity.WARNING}


def test_the_same_name_in_another_place_has_no_past() -> None:
    """A hostile job can set the variables of another, but not leave its cgroup."""
    there = JobIdentity("7", "x", "gitlab", "", "/trusted/job-1", 7, recurring="app/test")
    here = JobIdentity("8", "x", "gitlab", "", "/untrusted/job-1", 8, recurring="app/test")
    known = recurring_job(there)
    assert known is not None
    worker = HistoryWorker(lambda: ScriptedStore(run(job=known)))
    worker.ask(here)
    worker.ask(there)
    assert worker.close(60)
    assert [(key, len(runs)) for key, runs in worker.answers] == [("8", 0), ("7", 1)]
