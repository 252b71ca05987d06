"""Snapshots in, findings out: which subjects are judged, and which findings are in force."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from ebpftrace.events import ProcessKey
from ebpftrace.judge.case import Case
from ebpftrace.judge.detector import Detector
from ebpftrace.judge.detectors.builtin import builtin_detectors
from ebpftrace.judge.detectors.oom import OomDetector
from ebpftrace.judge.finding import Finding, FindingState, Subject
from ebpftrace.judge.past import PastOf
from ebpftrace.judge.sample import of_job, of_process
from ebpftrace.judge.samples import Samples
from ebpftrace.judge.verdicts import finding_of, met, over
from ebpftrace.ledger import JobSnapshot, Note, OomNote, ProcessSnapshot, ProcessState, Snapshot
from ebpftrace.units import NS_PER_SECOND

FORGET_NS = 30 * NS_PER_SECOND
"""A subject that is missing (between two short processes) is remembered for so long."""

_Key = tuple[str, str]  # of a subject: the job's key, and the process or ""


class Judge:
    """Judges jobs, and with `processes` each of their processes as well.

    A finding is reported when it begins, when it becomes more severe, and when it ends; in
    between it is in `active`. Memory is bounded by what the snapshots contain. `past_of` has
    the earlier runs of a job; without it no job has a past. `renewed` has the keys of jobs
    whose past may be another than at the last snapshot; without it all of them are asked for.
    """

    def __init__(
        self,
        detectors: Sequence[Detector] | None = None,
        *,
        processes: bool = False,
        past_of: PastOf | None = None,
        renewed: Callable[[], Iterable[str]] | None = None,
    ) -> None:
        self._detectors = builtin_detectors() if detectors is None else tuple(detectors)
        self._processes = processes
        self._past_of = past_of
        self._renewed = self._with_a_past if renewed is None else renewed
        self._cases: dict[_Key, Case] = {}
        self._awake: dict[_Key, Case] = {}  # those that do not rest
        self._resting: dict[str, tuple[JobSnapshot, list[_Key]]] = {}  # by the job's key
        self._unchanged: dict[int, str] = {}  # the same jobs' keys, by the id of the object
        self._number = 0  # of cases so far
        self._judged_ns = 0  # the last snapshot

    @property
    def active(self) -> tuple[Finding, ...]:
        """The findings in force, as they were last judged, the most severe first."""
        findings = [it for _key, case in self._in_order() for it in case.findings.values()]
        return tuple(sorted(findings, key=lambda finding: -finding.severity))

    def _in_order(self) -> list[tuple[_Key, Case]]:
        """Those that do not rest, in the order in which they came."""
        return sorted(self._awake.items(), key=lambda item: item[1].number)

    def judge(self, snapshot: Snapshot) -> tuple[Finding, ...]:
        """Take the next snapshot. Returns what is to be reported, in order."""
        news: list[Finding] = []
        now, before_ns = snapshot.monotonic_ns, self._judged_ns
        self._judged_ns = now
        changed = self._unchanged.keys() - set(map(id, snapshot.jobs))
        for key in [*map(self._unchanged.__getitem__, changed), *self._renewed()]:
            self._wake(key, before_ns)
        for job in snapshot.jobs:
            if id(job) in self._unchanged:
                continue
            resting: list[_Key] = []
            moved = False
            for subject, process in self._subjects(job):
                case = self._cases.get(subject)
                if case is not None and self._rests(case, job, process):
                    case.seen_ns = now
                    resting.append(subject)
                else:
                    moved = True
                    news += self._take(subject, case, job, process, snapshot, now - before_ns)
            if not moved:
                self._resting[job.identity.key] = job, resting
                self._unchanged[id(job)] = job.identity.key
                for subject in resting:
                    del self._awake[subject]
        for subject, case in self._in_order():
            gone = now - case.seen_ns > FORGET_NS
            if case.findings:
                news += over(case, snapshot, gone=gone)
            if gone:
                del self._cases[subject], self._awake[subject]
        return tuple(news)

    def _take(
        self,
        key: _Key,
        case: Case | None,
        job: JobSnapshot,
        process: ProcessSnapshot | None,
        snapshot: Snapshot,
        step_ns: int,
    ) -> Iterator[Finding]:
        """Take the next sample of a subject, `step_ns` after the last snapshot."""
        now = snapshot.monotonic_ns
        trend = job.trend if process is None else process.trend
        sample = of_job(job, now) if process is None else of_process(process, job, now)
        if case is None:
            samples = Samples(sample, trend)
            self._number += 1
            case = Case(_subject(job, process), samples, now, job, process, self._number)
            self._cases[key] = self._awake[key] = case
        else:
            if _owns_more(case.process, process):
                case.samples = Samples(sample, trend)
            case.take(sample, trend, job, process, step_ns=step_ns)
        if self._past_of is not None and process is None:
            case.samples.past = self._past_of(job.identity, sample.limit_bytes)
        for detector in self._detectors:
            verdict = detector.verdict(case.samples)
            if verdict is not None:
                yield from met(case, detector, verdict, snapshot)

    def _with_a_past(self) -> list[str]:
        """Of the jobs at rest, which must have had none until now."""
        if self._past_of is None:
            return []
        return [
            key
            for key, (job, _) in self._resting.items()
            if self._past_of(job.identity, job.cgroup.limit_bytes) is not None
        ]

    def _wake(self, job_key: str, seen_ns: int) -> None:
        """Judge the subjects of a job again. Until then they rested."""
        if (at_rest := self._resting.pop(job_key, None)) is not None:
            del self._unchanged[id(at_rest[0])]
            for key in at_rest[1]:
                case = self._awake[key] = self._cases[key]
                case.seen_ns = seen_ns

    def _rests(self, case: Case, job: JobSnapshot, process: ProcessSnapshot | None) -> bool:
        """Whether no verdict can change: nothing did, and time alone decides nothing here."""
        if not case.rests(job, process):
            return False
        limit_bytes = case.samples.now.limit_bytes
        return self._past_of is None or self._past_of(job.identity, limit_bytes) is None

    def judge_note(self, note: Note) -> tuple[Finding, ...]:
        """What a note reports at once: an OOM kill, which may end a job between snapshots."""
        detector = next((one for one in self._detectors if isinstance(one, OomDetector)), None)
        if detector is None or not isinstance(note, OomNote):
            return ()
        self._wake(note.job.key, self._judged_ns)
        case = self._cases.get((note.job.key, ""))
        victim, verdict = detector.verdict_on_note(note, None if case is None else case.job)
        finding = finding_of(Subject(note.job), detector, verdict, victim,
                             note.time_ns, note.monotonic_ns, FindingState.BEGIN)  # fmt: skip
        if case is None:
            return (finding,)
        case.in_force.met_ns[detector.name] = note.monotonic_ns
        if detector.name in case.findings:
            return ()  # each victim has a note of its own
        case.in_force.findings[detector.name] = finding._replace(state=FindingState.CONTINUE)
        return (finding,)

    def samples(self, subject: Subject) -> Samples | None:
        """The history of a subject, or None if it was never judged."""
        case = self._cases.get((subject.job.key, _process_key(subject.process)))
        return None if case is None else case.samples

    def _subjects(self, job: JobSnapshot) -> Iterator[tuple[_Key, ProcessSnapshot | None]]:
        yield (job.identity.key, ""), None
        for process in job.processes if self._processes else ():
            if not process.role:  # a crash monitor is never the subject
                yield (job.identity.key, _process_key(process.key)), process


def _subject(job: JobSnapshot, process: ProcessSnapshot | None) -> Subject:
    if process is None:
        return Subject(job.identity)
    return Subject(job.identity, process.key, process.comm)


def _owns_more(before: ProcessSnapshot | None, now: ProcessSnapshot | None) -> bool:
    """Whether what it shared with its parent, which has ended, counts as its own now."""
    return (
        before is not None
        and now is not None
        and before.state is ProcessState.FORKED
        and now.state is ProcessState.RUNNING
    )


def _process_key(process: ProcessKey | None) -> str:
    return "" if process is None else f"{process.pid} {process.start_boottime_ns}"
