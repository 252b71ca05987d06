"""Follows the jobs of a watch: asks for the past of each, and records its run."""

from __future__ import annotations

from collections.abc import Callable
from sys import intern
from typing import TYPE_CHECKING

from ebpftrace.engine.recording.running import RunningJob
from ebpftrace.engine.recording.worker import HistoryWorker
from ebpftrace.host.ready import WaitReadable, wait_readable
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger import (
    JobSnapshot,
    Note,
    OomNote,
    ProcessChange,
    ProcessNote,
    Snapshot,
)
from ebpftrace.views.start import Remark, Started

if TYPE_CHECKING:
    from ebpftrace.act.fuse.events import FuseEvent
    from ebpftrace.act.incident.outcome import Outcome, StepOutcome
    from ebpftrace.history.past import Past
    from ebpftrace.judge.finding import Finding

_END_SECONDS = 2.0


class HistoryRecorder:
    """A `View` of the watch, and where the judge asks for the past of a job.

    A run begins with the job's first process. It ends when the job's cgroup is removed,
    when the job has had no process for a minute, or with the watch if it has none then; a
    job that still runs is not recorded. Nothing here waits, but for the end of the watch.
    """

    def __init__(
        self,
        worker: HistoryWorker,
        *,
        cgroups: str,
        sees_all: bool,
        remark: Callable[[str], None],
        wait: WaitReadable = wait_readable,
    ) -> None:
        """`cgroups` is the version of the memory cgroups; for `sees_all`, see RunEvidence."""
        self._worker = worker
        self._cgroups = cgroups
        self._sees_all = sees_all
        self._remark = remark
        self._wait = wait
        self._trouble = ""
        self._running: dict[str, RunningJob] = {}
        self._new: dict[str, list[tuple[str, int]]] = {}  # programs to ask for, by job
        self._seen_ns: int | None = None  # the last snapshot
        self._jobs: dict[int, JobSnapshot] = {}  # its jobs, by the id of the object
        self._begun: dict[str, None] = {}  # runs since then, in order
        self._renewed: set[str] = set()  # whose past was read since it was asked for
        self._ended: dict[str, int] = {}  # OOM kills of jobs that ended and are still shown

    @property
    def lost(self) -> int:
        """Runs that were not recorded, and pasts that were not read."""
        return self._worker.lost

    def past_of(self, job: JobIdentity, limit_bytes: int | None) -> Past | None:
        """The past of a job under this limit; None if it has none, or not yet."""
        running = self._running.get(job.key)
        return None if running is None else running.past(limit_bytes)

    def take_renewed(self) -> set[str]:
        """The keys of jobs whose past has been read since the last call."""
        renewed, self._renewed = self._renewed, set()
        return renewed

    def note(self, note: Note) -> None:
        """A process started or ended, or was killed for lack of memory."""
        if isinstance(note, OomNote):
            if running := self._running.get(note.job.key):
                running.evidence.oom_kill()
        elif isinstance(note, ProcessNote):
            self._process(note)

    def _process(self, note: ProcessNote) -> None:
        key = note.job.key
        running = self._running.get(key)
        if running is None:
            if note.event in (ProcessChange.EXIT, ProcessChange.RENAME):
                return
            running = self._running[key] = RunningJob(
                note, sees_all=self._sees_all, oom_kills=self._ended.pop(key, 0)
            )
            self._begun[key] = None
        running.evidence.note(note)

    def snapshot(self, snapshot: Snapshot) -> None:
        """Take what each job holds, before it is judged."""
        while self._worker.answers:
            key, runs = self._worker.answers.popleft()
            if running := self._running.get(key):
                running.take_runs(runs)
                self._renewed.add(key)
        self._follow(snapshot)
        self._report_trouble()

    def _follow(self, snapshot: Snapshot) -> None:
        now_ns, before_ns = snapshot.monotonic_ns, self._seen_ns
        for key, job in self._moved(snapshot).items():
            running = self._running.get(key)
            if job is None:
                self._ended.pop(key, None)
            if running is None:
                continue
            if job is None or job.state == "gone":
                self._finish(key, running, job, before_ns, now_ns)
            elif job is not running.seen:
                measured = self._measured(job, snapshot.watching)
                running.observe(job, now_ns, measured, before_ns)
                programs = running.new_programs(job)
                if programs or not running.asked:
                    self._new.setdefault(key, []).extend(programs)
        self._seen_ns = now_ns
        for key in list(self._new):
            if self._worker.has_room and self._running[key].identity.cgroup:
                self._ask(key)

    def _moved(self, snapshot: Snapshot) -> dict[str, JobSnapshot | None]:
        """By key, the jobs that are not as in the last snapshot, and those that have begun.

        None for one that is not in this snapshot.
        """
        before, self._jobs = self._jobs, {id(job): job for job in snapshot.jobs}
        moved: dict[str, JobSnapshot | None] = dict.fromkeys(self._begun)
        for number in before.keys() - self._jobs.keys():
            moved[before[number].identity.key] = None
        changed = self._jobs.keys() - before.keys()
        for job in snapshot.jobs if self._begun else map(self._jobs.__getitem__, changed):
            if id(job) in changed or job.identity.key in moved:
                moved[job.identity.key] = job
        self._begun.clear()
        return moved

    def _ask(self, key: str) -> None:
        """Ask for the past of a job, and for the versions of its programs."""
        running = self._running[key]
        if not running.asked:
            running.asked = True
            self._worker.ask(running.identity)
        for program, pid in self._new.pop(key):
            self._worker.describe(key, program, pid)

    def _measured(self, job: JobSnapshot, watching: str) -> str:
        """What is counted as held: see `ledger/held.py`."""
        if not (job.cgroup.limit_bytes and job.alone):
            return intern(f"{self._cgroups} processes {watching[:200]}")
        return intern(f"{self._cgroups} cgroup") if job.cgroup.contents is not None else ""

    def _finish(
        self,
        key: str,
        running: RunningJob,
        job: JobSnapshot | None,
        before_ns: int | None,
        now_ns: int,
    ) -> None:
        """It ended after `before_ns`, when it was seen last."""
        if key in self._new and running.identity.cgroup:
            self._ask(key)
        self._new.pop(key, None)
        running.stay_until(before_ns)
        del self._running[key]
        if job is not None:
            self._ended[key] = job.oom_kills
        build = running.finished(now_ns)
        if build is None:
            self._worker.drop(key)
        else:
            self._worker.add(key, build)

    def _report_trouble(self) -> None:
        """Once each, as long as it stays the same."""
        trouble = self._worker.trouble
        if trouble and trouble != self._trouble:
            self._trouble = trouble
            self._remark(f"{trouble}; the watch continues without past runs")

    def step(self, step: StepOutcome) -> None:
        """An action may have ended the job."""
        if running := self._running.get(step.job.key):
            running.evidence.step(step)

    def fuse(self, event: FuseEvent) -> None:
        """A fuse may have ended the job."""
        if running := self._running.get(event.job.key):
            running.evidence.fuse(event)

    def end(self, snapshot: Snapshot, reason: str) -> None:
        """Record the jobs that have ended, and wait for the file, two seconds at most."""
        shown = {job.identity.key: job for job in snapshot.jobs}
        for key, running in list(self._running.items()):
            job = shown.get(key)
            if job is not None and job.state != "running":
                self._finish(key, running, job, self._seen_ns, snapshot.monotonic_ns)
        if not self._worker.close(_END_SECONDS, self._wait):
            self._remark("the history is not written in time: the last runs may be missing")
        self._report_trouble()

    def stop(self) -> None:
        """Called last, also after an error."""
        self._worker.close(_END_SECONDS, self._wait)

    def start(self, started: Started) -> None:
        """Nothing to record."""

    def finding(self, finding: Finding) -> None:
        """Nothing to record: how the job ends decides."""

    def outcome(self, outcome: Outcome) -> None:
        """Nothing to record: its steps were."""

    def remark(self, remark: Remark) -> None:
        """Nothing to record."""
