"""Snapshots in, findings out: which subjects are judged, and which findings are in force."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ebpftrace.events import ProcessKey
from ebpftrace.judge import words
from ebpftrace.judge.case import Case
from ebpftrace.judge.detector import Detector, Verdict
from ebpftrace.judge.detectors.builtin import builtin_detectors
from ebpftrace.judge.detectors.hang import NAME as HANG
from ebpftrace.judge.detectors.oom import NAME as OOM
from ebpftrace.judge.detectors.oom import OomDetector
from ebpftrace.judge.finding import Finding, FindingState, FindingUnit, Severity, Subject
from ebpftrace.judge.past import PastOf
from ebpftrace.judge.sample import of_job, of_process
from ebpftrace.judge.samples import Samples
from ebpftrace.judge.sharing import is_full
from ebpftrace.ledger import JobSnapshot, Note, OomNote, ProcessSnapshot, ProcessState, Snapshot
from ebpftrace.units import NS_PER_SECOND

HOLD_NS = 10 * NS_PER_SECOND
"""A finding ends when its condition has not been met for so long: no flapping."""

FORGET_NS = 30 * NS_PER_SECOND
"""A subject that is missing (between two short processes) is remembered for so long."""

_Key = tuple[str, str]  # of a subject: the job's key, and the process or ""
_Judged = tuple[_Key, JobSnapshot, ProcessSnapshot | None]


class Judge:
    """Judges jobs, and with `processes` each of their processes as well.

    A finding is reported when it begins, when it becomes more severe, and when it ends; in
    between it is in `active`. Memory is bounded by what the snapshots contain. `past_of` has
    the earlier runs of a job; without it no job has a past.
    """

    def __init__(
        self,
        detectors: Sequence[Detector] | None = None,
        *,
        processes: bool = False,
        past_of: PastOf | None = None,
    ) -> None:
        self._detectors = builtin_detectors() if detectors is None else tuple(detectors)
        self._processes = processes
        self._past_of = past_of
        self._cases: dict[_Key, Case] = {}
        self._judged_ns = 0  # the last snapshot

    @property
    def active(self) -> tuple[Finding, ...]:
        """The findings in force, as they were last judged, the most severe first."""
        cases = self._cases.values()
        findings = [finding for case in cases for finding in case.findings.values()]
        return tuple(sorted(findings, key=lambda finding: -finding.severity))

    def judge(self, snapshot: Snapshot) -> tuple[Finding, ...]:
        """Take the next snapshot. Returns what is to be reported, in order."""
        news: list[Finding] = []
        now = snapshot.monotonic_ns
        step_ns, self._judged_ns = now - self._judged_ns, now
        for key, job, process in self._subjects(snapshot):
            case = self._cases.get(key)
            if case is not None and self._rests(case, job, process):
                case.seen_ns = now
                continue
            trend = job.trend if process is None else process.trend
            sample = of_job(job, now) if process is None else of_process(process, job, now)
            if case is None:
                samples = Samples(sample, trend)
                case = self._cases[key] = Case(
                    _subject(job, process), samples, now, job, process
                )
            else:
                if _owns_more(case.process, process):
                    case.samples = Samples(sample, trend)
                case.take(sample, trend, job, process, step_ns=step_ns)
            if self._past_of is not None and process is None:
                case.samples.past = self._past_of(job.identity, sample.limit_bytes)
            for detector in self._detectors:
                verdict = detector.verdict(case.samples)
                if verdict is not None:
                    news += _update(case, detector, verdict, snapshot)
        for key, case in list(self._cases.items()):
            gone = now - case.seen_ns > FORGET_NS
            if case.findings:
                news += _end(case, snapshot, gone=gone)
            if gone:
                del self._cases[key]
        return tuple(news)

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
        case = self._cases.get((note.job.key, ""))
        victim, verdict = detector.verdict_on_note(note, None if case is None else case.job)
        finding = finding_of(Subject(note.job), detector, verdict, victim,
                             note.time_ns, note.monotonic_ns, FindingState.BEGIN)  # fmt: skip
        if case is None:
            return (finding,)
        case.met_ns[detector.name] = note.monotonic_ns
        if detector.name in case.findings:
            return ()  # each victim has a note of its own
        case.findings[detector.name] = replace(finding, state=FindingState.CONTINUE)
        return (finding,)

    def samples(self, subject: Subject) -> Samples | None:
        """The history of a subject, or None if it was never judged."""
        case = self._cases.get((subject.job.key, _process_key(subject.process)))
        return None if case is None else case.samples

    def _subjects(self, snapshot: Snapshot) -> Iterator[_Judged]:
        for job in snapshot.jobs:
            yield (job.identity.key, ""), job, None
            if not self._processes:
                continue
            for process in job.processes:
                if not process.role:  # a crash monitor is never the subject
                    yield (job.identity.key, _process_key(process.key)), job, process


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


def _update(
    case: Case, detector: Detector, verdict: Verdict, snapshot: Snapshot
) -> Iterator[Finding]:
    """The condition is met: keep the finding, and report it if it is new or more severe."""
    name = detector.name
    before = case.findings.get(name)
    now = snapshot.monotonic_ns
    case.labels[name], end = subject_words(detector, verdict, case.job, case.process, now)
    finding = finding_of(
        case.subject, detector, verdict, case.labels[name], snapshot.time_ns, now,
        FindingState.CONTINUE, end,
    )  # fmt: skip
    case.met_ns[name] = now
    case.ends_below[name] = verdict.ends_below_bytes
    if before is None:
        yield replace(finding, state=FindingState.BEGIN)
    else:
        # The severity of a finding never falls before it ends.
        worst = max(before.severity, finding.severity)
        finding = replace(finding, severity=Severity(worst), since_ns=before.since_ns)
        if worst > before.severity:
            yield replace(finding, state=FindingState.RISE)
    case.findings[name] = finding


def _end(case: Case, snapshot: Snapshot, *, gone: bool) -> Iterator[Finding]:
    """End the findings whose condition has not been met for long enough."""
    now, label = snapshot.monotonic_ns, words.label(case.job, case.process)
    full = HANG in case.findings or is_full(case.samples.now)
    for detector, finding in list(case.findings.items()):
        returned = case.samples.now.held_bytes < case.ends_below.get(detector, 0)
        stays = full and detector not in (HANG, OOM)
        if not (gone or returned) and (stays or now - case.met_ns[detector] <= HOLD_NS):
            continue
        del case.findings[detector]
        lasted = words.seconds((now - finding.since_ns) / NS_PER_SECOND)
        why = "is gone" if gone else f"{detector} is over"
        yield replace(
            finding,
            state=FindingState.END,
            time_ns=snapshot.time_ns,
            monotonic_ns=now,
            seconds_to_limit=None,
            sentence=f"{case.labels.get(detector, label)}: {why}, after {lasted}",
        )


def subject_words(
    detector: Detector,
    verdict: Verdict,
    job: JobSnapshot,
    process: ProcessSnapshot | None,
    now_ns: int,
) -> tuple[str, str]:
    """What the sentence of a verdict begins and ends with.

    A kill has a note that names the victim; no other process of the job is named for it.
    """
    if process is not None or verdict.unit is FindingUnit.KILLS:
        return words.label(job, process), ""
    gained = detector.measures_gain and verdict.since_ns < now_ns  # else it holds too much
    return words.subject(job, verdict.since_ns if gained else None)


def finding_of(
    subject: Subject,
    detector: Detector,
    verdict: Verdict,
    label: str,
    time_ns: int,
    monotonic_ns: int,
    state: FindingState,
    end: str = "",
) -> Finding:
    """The finding for a detector's verdict on a subject, called `label` in the sentence.

    `end` is the end of the sentence: see `subject_words`.
    """
    return Finding(
        detector=detector.name,
        subject=subject,
        severity=verdict.severity,
        measured=verdict.measured,
        bound=verdict.bound,
        unit=verdict.unit,
        measures_gain=detector.measures_gain,
        since_ns=verdict.since_ns,
        time_ns=time_ns,
        monotonic_ns=monotonic_ns,
        seconds_to_limit=verdict.seconds_to_limit,
        sentence=f"{label} {verdict.words}{end}",
        state=state,
    )
