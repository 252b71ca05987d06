"""Where each kind of event goes; the ledger is real, the kernel side and breaker are not."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from ebpftrace.counters import CgroupCounters, ProcessCounters
from ebpftrace.engine.breaker_driver import BreakerDriver
from ebpftrace.engine.cgroups.files import CgroupFiles
from ebpftrace.engine.dispatcher import EventDispatcher
from ebpftrace.engine.scheduler import SnapshotScheduler
from ebpftrace.events import (
    Breached,
    CgroupGone,
    CgroupMade,
    CgroupRead,
    Event,
    FuseBlown,
    FuseScope,
    LossesRead,
    ProcessExited,
    ProcessMoved,
    ProcessRead,
    ProcessRenamed,
    ProcessStarted,
    QuotaReached,
    SharedTable,
    StartCause,
)
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.host.mounts import MemoryHierarchy
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger import JobSnapshot, Ledger, SelfCost
from ebpftrace.ledger.clock import Clock
from ebpftrace.ledger.notes import LossNote, ProcessNote
from ebpftrace.ledger.register import MOST_RUNS
from ebpftrace.probe import Selection
from ebpftrace.units import MIB
from tests.support.scripted_probe import ScriptedProbe, holding
from tests.support.scripted_time import BEGAN_NS, ScriptedTime
from tests.support.scripted_watch import GROUP, fake_key

GOPLS, OTHER = fake_key(0), fake_key(1)
STARTED = ProcessStarted(
    BEGAN_NS, GOPLS, 1, StartCause.EXEC, "gopls", GROUP, program="gopls",
    args=("gopls", "serve"), counters=holding(10),
)  # fmt: skip
EXITED = ProcessExited(BEGAN_NS, GOPLS, "gopls", 0, 0, ProcessCounters())
BREACHED = Breached(BEGAN_NS, GOPLS, GROUP, 64 * MIB, group=True)
BLOWN = FuseBlown(BEGAN_NS, GOPLS, GROUP, FuseScope.JOB, 64, 64, 64, 19)


@dataclass
class RecordingBreaker:
    """Its calls, in order."""

    calls: list[tuple[object, ...]] = field(default_factory=list)

    def handle_breach(self, event: Breached) -> None:
        self.calls.append((event,))

    def handle_fuse(self, event: FuseBlown, known: Any) -> None:
        self.calls.append((event, None if known is None else known.comm))

    def handle_start(self, event: ProcessStarted) -> None:
        if event.how is StartCause.SHARED:
            self.calls.append((event,))

    def handle_exit(self, event: ProcessExited) -> None:
        self.calls.append((event,))

    def poll(self) -> None:
        pass


class Dispatching:
    """A dispatcher, and all that it passes events on to."""

    def __init__(
        self,
        folder: Path,
        selection: Selection,
        *,
        groups: tuple[int, ...] = (),
        acts: bool = True,
    ) -> None:
        self.stopping = False
        time = ScriptedTime()
        self.time, self.probe, self.breaker = time, ScriptedProbe(), RecordingBreaker()
        breaker = cast(BreakerDriver, self.breaker) if acts else None
        self.scheduler = SnapshotScheduler()
        self.paths = CgroupPaths(MemoryHierarchy("v1", folder))
        self.ledger = Ledger(Clock(0, 0), watching="gopls", began_ns=BEGAN_NS)
        self.dispatcher = EventDispatcher(
            selection, self.probe, self.ledger, breaker,
            self.scheduler, self.paths, CgroupFiles(self.paths, pressure=False), groups,
            time.monotonic_ns, is_stopping=lambda: self.stopping,
        )  # fmt: skip

    def __call__(self, *events: Event) -> None:
        self.dispatcher.dispatch(events)

    def jobs(self) -> tuple[JobSnapshot, ...]:
        now = self.time.monotonic_ns()
        return self.ledger.snapshot(now, now, cost=SelfCost()).jobs

    def notes(self) -> list[str]:
        notes = self.ledger.drain_notes()
        return [note.event for note in notes if isinstance(note, ProcessNote)]


@pytest.fixture
def dispatch(tmp_path: Path) -> Iterator[Dispatching]:
    made = Dispatching(tmp_path, Selection(comms=("gopls",)))
    yield made
    made.probe.close()


def test_started_process_is_in_the_ledger_and_read_soon(dispatch: Dispatching) -> None:
    dispatch(STARTED)
    (job,) = dispatch.jobs()
    assert [process.key for process in job.processes] == [GOPLS]
    assert dispatch.scheduler.due_ns is not None


def test_starts_are_completed_for_a_moment_after_the_watch_is_to_end(
    dispatch: Dispatching,
) -> None:
    """Each takes a look at /proc, and a flood of them is as long as a job wants."""
    keys = [GOPLS._replace(pid=GOPLS.pid + number) for number in range(3)]
    first, second, third = (STARTED._replace(key=key) for key in keys)
    dispatch(first)
    dispatch.stopping = True
    dispatch(second)
    assert dispatch.notes() == ["exec", "exec"]
    dispatch.time.advance(0.3)

    dispatch(third, EXITED._replace(key=keys[0]))
    assert dispatch.notes() == ["exit"]
    assert dispatch.probe.asked == []


def test_process_that_does_not_match_is_dropped(tmp_path: Path) -> None:
    dispatch = Dispatching(tmp_path, Selection(exes=("/usr/bin/other",)))
    dispatch(STARTED, ProcessRead(BEGAN_NS, GOPLS, holding(20)), EXITED)
    assert dispatch.probe.asked == [("drop", GOPLS.pid)]
    assert dispatch.jobs() == ()
    assert dispatch.scheduler.due_ns is None


def test_program_that_could_not_be_identified_is_a_loss(tmp_path: Path) -> None:
    dispatch = Dispatching(tmp_path, Selection(exes=("/usr/bin/other",)))
    dispatch(STARTED, LossesRead(BEGAN_NS, {"ring_exit": 2}))
    losses = {
        n.cause: n.count for n in dispatch.ledger.drain_notes() if isinstance(n, LossNote)
    }
    assert losses == {"ring_exit": 2, "unidentified": 1}


def test_reading_is_applied_and_that_of_an_untracked_process_ignored(
    dispatch: Dispatching,
) -> None:
    dispatch(STARTED)
    dispatch(
        ProcessRead(BEGAN_NS, GOPLS, holding(20)), ProcessRead(BEGAN_NS, OTHER, holding(99))
    )
    (job,) = dispatch.jobs()
    assert job.usage.anon_bytes == 20 * MIB


def test_renamed_and_moved_process_is_followed(dispatch: Dispatching) -> None:
    dispatch(
        STARTED,
        CgroupMade(BEGAN_NS, 8, "/ci/other"),
        ProcessRenamed(BEGAN_NS, GOPLS, "worker"),
        ProcessMoved(BEGAN_NS, GOPLS, 8),
        ProcessMoved(BEGAN_NS, OTHER, 8),
    )
    (job,) = (job for job in dispatch.jobs() if job.processes)
    assert (job.identity.cgroup, job.processes[0].comm) == ("/ci/other", "worker")


def test_exit_reaches_the_breaker_and_the_ledger_forgets_the_process(
    dispatch: Dispatching,
) -> None:
    dispatch(STARTED, EXITED)
    assert dispatch.breaker.calls == [(EXITED,)]
    assert dispatch.notes() == ["exec", "exit"]
    assert not dispatch.dispatcher.tracked.has(GOPLS)


def test_exit_of_an_untracked_process_reaches_the_breaker_only(dispatch: Dispatching) -> None:
    """It may be one that a fuse stopped before the ledger had it."""
    dispatch(EXITED)
    assert dispatch.breaker.calls == [(EXITED,)]
    assert dispatch.notes() == []


def test_fuse_goes_to_the_breaker_with_what_the_ledger_knows(dispatch: Dispatching) -> None:
    dispatch(BLOWN, STARTED, BLOWN)
    assert dispatch.breaker.calls == [(BLOWN, None), (BLOWN, "gopls")]


def test_breach_in_the_ring_is_handled_before_queued_events(dispatch: Dispatching) -> None:
    late = CgroupMade(BEGAN_NS, 8, "/late")
    dispatch.probe.emit(BREACHED, late)
    dispatch(STARTED, EXITED)
    assert dispatch.breaker.calls == [(BREACHED,), (EXITED,)]
    assert dispatch.probe.events() == [late]  # left for the next slice


def test_nothing_is_for_a_breaker_where_there_is_none(tmp_path: Path) -> None:
    dispatch = Dispatching(tmp_path, Selection(), acts=False)
    dispatch(STARTED, BREACHED, BLOWN, EXITED)
    assert dispatch.breaker.calls == []
    assert dispatch.scheduler.due_ns is None
    assert dispatch.notes() == ["exec", "exit"]


def test_cgroup_reading_is_completed_from_its_files(
    dispatch: Dispatching, tmp_path: Path
) -> None:
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci/memory.stat").write_text("total_rss 100\ntotal_cache 50\n")
    dispatch(CgroupMade(BEGAN_NS, GROUP, "/ci"), STARTED)
    dispatch(CgroupRead(BEGAN_NS, GROUP, CgroupCounters(charge_bytes=200)))
    (job,) = dispatch.jobs()
    assert job.cgroup.charge_bytes == 200
    assert job.cgroup.contents is not None


def test_job_that_reached_a_quota_is_the_one_in_the_cgroup(dispatch: Dispatching) -> None:
    """Or the cgroup itself, where no process in it is watched."""
    dispatch.paths.learn(GROUP + 1, "/ci/other")
    dispatch(STARTED, *(reached(number) for number in (GROUP, GROUP + 1, GROUP + 2)))
    (job,) = dispatch.jobs()
    quotas = dispatch.dispatcher.take_quotas()
    assert [event.cgroup_id for event, _ in quotas] == [GROUP, GROUP + 1, GROUP + 2]
    found, named, unknown = (identity for _, identity in quotas)
    assert found == job.identity
    assert (named.kind, named.name, named.cgroup) == ("cgroup", "ci/other", "/ci/other")
    assert (unknown.name, unknown.cgroup) == (f"cgroup {GROUP + 2}", "")
    assert dispatch.dispatcher.take_quotas() == []


def reached(cgroup_id: int) -> QuotaReached:
    return QuotaReached(BEGAN_NS, cgroup_id, SharedTable.PROCESSES, 7168, 8192, 1)


def test_path_of_a_removed_cgroup_is_remembered(dispatch: Dispatching) -> None:
    dispatch(CgroupGone(BEGAN_NS, 9, "/ci/gone", CgroupCounters()))
    assert dispatch.paths.path(9) == "/ci/gone"


def test_start_that_executed_another_program_since_is_judged_by_its_record(
    tmp_path: Path,
) -> None:
    """/proc describes the next program by then; the record has the first one's path."""
    dispatch = Dispatching(tmp_path, Selection(exes=("/usr/bin/gopls",)))
    first = STARTED._replace(program="/usr/bin/gopls")
    dispatch.probe.emit(EXITED._replace(executed=True))
    dispatch(first)
    assert dispatch.notes() == ["exec"]


def test_watch_of_pids_ends_with_the_last_of_them(tmp_path: Path) -> None:
    dispatch = Dispatching(tmp_path, Selection(pids=(GOPLS.pid,)))
    dispatch(STARTED)
    assert dispatch.dispatcher.end_reason() == ""
    dispatch(EXITED)
    assert dispatch.dispatcher.end_reason() == "every named process has ended"


def test_watch_of_cgroups_ends_with_the_last_of_them(tmp_path: Path) -> None:
    dispatch = Dispatching(tmp_path, Selection(cgroups=("/ci",)), groups=(7, 8))
    dispatch(CgroupGone(BEGAN_NS, 7, "/ci", CgroupCounters()))
    assert dispatch.dispatcher.end_reason() == ""
    dispatch(CgroupGone(BEGAN_NS, 8, "/ci/x", CgroupCounters()))
    assert dispatch.dispatcher.end_reason() == "every named cgroup is gone"


def test_watch_of_names_does_not_end_by_itself(dispatch: Dispatching) -> None:
    dispatch(STARTED, EXITED)
    assert dispatch.dispatcher.end_reason() == ""


class PretendingResolver:
    """Each process names a CI run of its own."""

    def resolve(
        self, pid: int, cgroup_id: int, parent_pid: int = 0, *, by_run: bool = True
    ) -> JobIdentity:
        key = f"{cgroup_id}:github:{pid}" if by_run else str(cgroup_id)
        return JobIdentity(key, key, "github" if by_run else "cgroup", "", "/ci", cgroup_id)


def test_runs_beyond_those_that_a_cgroup_has_room_for_are_the_cgroup(
    dispatch: Dispatching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch.dispatcher, "_resolver", PretendingResolver())
    count = MOST_RUNS + 5
    for number in range(count):
        dispatch(STARTED._replace(key=fake_key(number)))
    dispatch(ProcessMoved(BEGAN_NS, fake_key(count - 1), GROUP + 1))
    jobs = {job.identity.key: len(job.processes) for job in dispatch.jobs()}
    assert jobs.pop(str(GROUP)) == 4
    assert jobs.pop(f"{GROUP + 1}:github:{fake_key(count - 1).pid}") == 1
    assert list(jobs.values()) == [1] * MOST_RUNS
    dispatch(LossesRead(BEGAN_NS, {}))
    losses = {
        note.cause: note.count
        for note in dispatch.ledger.drain_notes()
        if isinstance(note, LossNote)
    }
    assert losses == {"runs_full": 5}
    (remark,) = dispatch.dispatcher.take_remarks()
    assert remark.startswith("cgroup /ci has more than 64 CI runs at a time")
    assert dispatch.dispatcher.take_remarks() == []
