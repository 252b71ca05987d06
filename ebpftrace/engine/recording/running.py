"""One job that runs: its curve so far, what is known of its end, and its past."""

from functools import partial

from ebpftrace.engine.recording.evidence import RunEvidence
from ebpftrace.engine.recording.worker import BuildRun
from ebpftrace.history.curve import CurveRecorder
from ebpftrace.history.past import Past, past_from
from ebpftrace.history.recurring import RecurringJob
from ebpftrace.history.run import ProgramVersion, Run
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger import JobSnapshot, ProcessChange, ProcessNote
from ebpftrace.units import NS_PER_SECOND

YOUNG_NS = 5 * NS_PER_SECOND
"""A job that ran for no longer when the watch began was seen from its start."""

_MIXED = "several"
_MOST_PROGRAMS = 16


class RunningJob:
    """A run that has not ended. Ages count from its first process, as the judge's do."""

    __slots__ = (
        "_complete", "_curve", "_limit_bytes", "_measured", "_measures", "_oom_kills", "_past",
        "_past_for", "_programs", "_runs", "_start_ns", "_start_time_ns", "asked", "evidence",
        "identity", "seen",
    )  # fmt: skip

    def __init__(self, first: ProcessNote, *, sees_all: bool, oom_kills: int) -> None:
        """`oom_kills` is how many the job had before this run."""
        self.identity: JobIdentity = first.job
        self.asked = False
        self.seen: JobSnapshot | None = None  # as it was observed last
        self.evidence = RunEvidence(sees_all=sees_all)
        self._oom_kills = oom_kills
        self._start_ns = first.monotonic_ns
        self._start_time_ns = first.time_ns
        self._complete = True
        if first.event is ProcessChange.FOUND:
            self._complete = first.time_ns - first.start_time_ns <= YOUNG_NS
            self._start_time_ns = first.start_time_ns
        self._curve = CurveRecorder()
        self._measures = False  # whether what it was seen to hold last is the run's
        self._limit_bytes: int | None = None
        self._measured = ""
        self._programs: tuple[str, ...] = ()  # a set takes more, and most jobs have one
        self._runs: tuple[Run, ...] = ()
        self._past: Past | None = None
        self._past_for: tuple[int | None, str] | None = None

    def observe(
        self, job: JobSnapshot, now_ns: int, measured: str, before_ns: int | None = None
    ) -> None:
        """Take what it holds now; `measured` says what was counted, "" if nothing was.

        Until `before_ns` it was as at the last call.
        """
        self.stay_until(before_ns)
        self.seen, self._measures = job, bool(measured and job.processes)
        self.identity = job.identity
        if job.oom_kills > self._oom_kills:
            self.evidence.oom_kill()
        if not self._measures:
            return  # idle: what is left is not the run's any more
        if self._measured not in ("", measured):
            measured = _MIXED  # such a run is comparable with no other
        self._measured, self._limit_bytes = measured, job.cgroup.limit_bytes
        self._curve.add(self._age_s(now_ns), job.held_bytes)

    def stay_until(self, before_ns: int | None) -> None:
        """Until then it was as at the last observation; None: there was none before."""
        if self._measures and before_ns is not None:
            self._curve.stay_until(self._age_s(before_ns))

    def _age_s(self, now_ns: int) -> float:
        return max(0, now_ns - self._start_ns) / NS_PER_SECOND

    def new_programs(self, job: JobSnapshot) -> list[tuple[str, int]]:
        """The programs that were not seen before, each with the pid of one process."""
        found = []
        for process in job.processes:
            program = process.program or process.comm
            if program in self._programs or process.role:
                continue
            if len(self._programs) >= _MOST_PROGRAMS:
                break
            self._programs += (program,)
            found.append((program.rpartition("/")[2], process.pid))
        return found

    def take_runs(self, runs: tuple[Run, ...]) -> None:
        """The job's past runs were read."""
        self._runs, self._past_for = runs, None

    def past(self, limit_bytes: int | None) -> Past | None:
        """The past under this limit; the same as before unless the conditions changed."""
        if not self._runs or not self._measured:
            return None
        wanted = (limit_bytes, self._measured)
        if wanted != self._past_for:
            self._past_for = wanted
            if self._measured == _MIXED:
                self._past = None
            else:
                self._past = past_from(self._runs, *wanted, ageless=not self._complete)
        return self._past

    def finished(self, now_ns: int) -> BuildRun | None:
        """What makes the run that has ended; None if nothing was measured of it."""
        curve = self._curve.points
        if not curve:
            return None
        ended_ns = self.evidence.last_exit_ns or now_ns
        complete = self._complete and self._measured != _MIXED
        return partial(
            _run,
            watch_key=self.identity.key,
            start_time_ns=self._start_time_ns,
            duration_ns=max(0, ended_ns - self._start_ns),
            limit_bytes=self._limit_bytes,
            peak_bytes=self._curve.peak_bytes,
            curve=curve,
            end=self.evidence.run_end(complete=complete),
            measured=self._measured,
        )


def _run(job: RecurringJob, programs: tuple[ProgramVersion, ...], **values: object) -> Run:
    return Run(job=job, programs=programs, **values)  # type: ignore[arg-type]
