from signal import SIGABRT, SIGKILL, SIGTERM
from typing import Any

import pytest

from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.act.incident.outcome import StepOutcome, StepStatus
from ebpftrace.counters import ProcessCounters
from ebpftrace.engine.recording.evidence import RunEvidence
from ebpftrace.events import FuseScope, ProcessKey
from ebpftrace.history.run import RunEnd
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger import ProcessChange, ProcessNote
from ebpftrace.units import NS_PER_SECOND

JOB = JobIdentity("7", "build-1", "cgroup", "", "/ci/build-1", 7)


def key(pid: int) -> ProcessKey:
    return ProcessKey(pid, pid)


def note(
    pid: int, event: ProcessChange, parent: int = 1, second: float = 0, **changes: Any
) -> ProcessNote:
    time_ns = int(second * NS_PER_SECOND)
    return ProcessNote(
        time_ns, time_ns, event, key(pid), 0, parent, "make", JOB, "make", ProcessCounters(),
        **changes,
    )  # fmt: skip


def step(
    pid: int, began: float, ended: float, action: str = "signal",
    status: StepStatus = StepStatus.DONE,
) -> StepOutcome:  # fmt: skip
    return StepOutcome(
        "i", "p", JOB, key(pid), "make", action, status, detail="",
        began_ns=int(began * NS_PER_SECOND), took_ns=0,
        monotonic_ns=int(ended * NS_PER_SECOND), time_ns=0,
    )  # fmt: skip


class Job:
    """A make (pid 10) with a compiler (pid 11) below it."""

    def __init__(self, *, sees_all: bool = True) -> None:
        self.evidence = RunEvidence(sees_all=sees_all)
        self.evidence.note(note(10, ProcessChange.EXEC))
        self.evidence.note(note(11, ProcessChange.FORK, parent=10))

    def exit(self, pid: int, code: int = 0, signal: int = 0, second: float = 50) -> None:
        exited = note(pid, ProcessChange.EXIT, second=second, exit_code=code, signal=signal)
        self.evidence.note(exited)

    @property
    def end(self) -> RunEnd:
        return self.evidence.run_end(complete=True)


def test_a_job_whose_outermost_process_ends_with_0_is_ok() -> None:
    job = Job()
    job.exit(11, code=1)  # a compiler that fails in a configure test
    job.exit(10)
    assert job.end is RunEnd.OK
    assert job.evidence.run_end(complete=False) is RunEnd.UNKNOWN
    assert job.evidence.last_exit_ns == 50 * NS_PER_SECOND


@pytest.mark.parametrize("left", [{"code": 1}, {"signal": SIGTERM}])
def test_a_job_whose_outermost_process_fails_has_failed(left: dict[str, int]) -> None:
    job = Job()
    job.exit(11)
    job.exit(10, **left)
    assert job.end is RunEnd.FAILED


def test_each_process_started_from_outside_counts() -> None:
    """As each step of a job on a bare runner is."""
    job = Job()
    job.exit(10)
    job.evidence.note(note(20, ProcessChange.EXEC, parent=1))
    job.exit(20, code=2)
    assert job.end is RunEnd.FAILED


def test_a_daemon_that_is_ended_with_the_job_does_not_count() -> None:
    """It is known as the job's own from its fork on, whatever its parent is later."""
    job = Job()
    job.evidence.note(note(11, ProcessChange.EXEC, parent=1))
    job.exit(10)
    job.exit(11, signal=SIGKILL)
    assert job.end is RunEnd.OK


def test_an_exec_is_no_end() -> None:
    job = Job()
    job.evidence.note(note(10, ProcessChange.EXIT, executed=True, exit_code=1))
    job.evidence.note(note(10, ProcessChange.EXEC))
    ends = [job.end]
    job.exit(10, code=1)
    assert [*ends, job.end] == [RunEnd.OK, RunEnd.FAILED]


@pytest.mark.parametrize(
    ("left", "end"),
    [
        ({"code": 1}, RunEnd.OK),
        ({"signal": SIGTERM}, RunEnd.OK),
        ({"signal": SIGABRT}, RunEnd.FAILED),
        ({"signal": SIGKILL}, RunEnd.FAILED),
    ],
)
def test_where_some_programs_are_tracked_only_a_crash_counts(
    left: dict[str, int], end: RunEnd
) -> None:
    job = Job(sees_all=False)
    job.exit(10, **left)
    assert job.end is end


def test_an_oom_kill_comes_before_the_failure_that_it_causes() -> None:
    job = Job()
    job.evidence.oom_kill()
    job.exit(11, signal=SIGKILL)
    job.exit(10, code=1)
    assert job.end is RunEnd.OOM_KILLED


@pytest.mark.parametrize("exit_first", [True, False])
def test_a_process_that_an_action_ended_was_ended_by_us(exit_first: bool) -> None:
    job = Job()
    if exit_first:
        job.exit(10, code=1, second=31)
    job.evidence.step(step(10, began=30, ended=32))
    if not exit_first:
        job.exit(10, second=33)
    assert job.end is RunEnd.ENDED_BY_EBPFTRACE


def test_a_hook_may_end_another_process_than_its_target() -> None:
    job = Job()
    job.evidence.step(step(10, began=30, ended=32, action="shell"))
    job.exit(11, signal=SIGTERM, second=33)
    assert job.end is RunEnd.ENDED_BY_EBPFTRACE


@pytest.mark.parametrize(
    "harmless",
    [
        step(10, 30, 32, action="capture"),
        step(10, 30, 32, action="notify"),
        step(10, 30, 32, status=StepStatus.SKIPPED),
        step(10, 10, 12),  # long before the exit
        step(10, 60, 62),  # after it
    ],
)
def test_other_steps_did_not_end_it(harmless: StepOutcome) -> None:
    job = Job()
    job.evidence.step(harmless)
    job.exit(10, second=50)
    assert job.end is RunEnd.OK


@pytest.mark.parametrize("kind", FuseEventKind)
def test_a_process_that_ends_at_its_fuse_was_ended_by_us(kind: FuseEventKind) -> None:
    job = Job()
    sizes = (1, 1, 1, None, None, 0)
    job.evidence.fuse(
        FuseEvent(kind, "p", JOB, key(11), "cc1", FuseScope.JOB, *sizes, "", "", 0, 0)
    )
    ended = kind in (FuseEventKind.KILLED, FuseEventKind.ENDED)
    assert job.end is (RunEnd.ENDED_BY_EBPFTRACE if ended else RunEnd.OK)


def test_nothing_is_kept_of_processes_that_ended() -> None:
    evidence = RunEvidence(sees_all=True)
    for pid in range(10, 5000):
        evidence.note(note(pid, ProcessChange.FORK))
        evidence.note(note(pid, ProcessChange.EXIT, exit_code=0, signal=0))
    assert (len(evidence._outermost), len(evidence._pids)) == (0, 0)
    assert len(evidence._exits) <= 64
