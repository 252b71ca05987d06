"""Snapshots in, findings out: who is judged, and what was said of them already."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from ebpftrace.events import ProcessKey
from ebpftrace.judge import words
from ebpftrace.judge.builtin import builtin_detectors
from ebpftrace.judge.finding import Finding, FindingState, Severity, Subject
from ebpftrace.judge.oom import OomDetector
from ebpftrace.judge.samples import Sample, Samples, of_job, of_process
from ebpftrace.judge.verdict import Detector, Verdict
from ebpftrace.ledger import JobSnapshot, Note, OomNote, Snapshot
from ebpftrace.units import NS_PER_SECOND

HOLD_NS = 10 * NS_PER_SECOND
"""For so long a condition must be away before its finding ends: no flapping."""

FORGET_NS = 30 * NS_PER_SECOND
"""For so long a subject that is not there (between two short processes) is remembered."""

_Key = tuple[str, str]  # of a subject: the job's key, and the process or ""


@dataclass(slots=True)
class _Case:
    """One subject: its history, and the findings that are in force."""

    subject: Subject
    samples: Samples
    seen_ns: int
    who: str
    findings: dict[str, Finding] = field(default_factory=dict)  # by detector
    last_ns: dict[str, int] = field(default_factory=dict)  # when its condition was last met
    over_below: dict[str, int] = field(default_factory=dict)  # bytes: see Verdict


class Judge:
    """Judges jobs, and with `processes` each of their processes as well.

    A finding is told when it begins, when it becomes more severe, and when it ends; in
    between it is in `active`. What is remembered is bounded by what the ledger shows.
    """

    def __init__(
        self, detectors: Sequence[Detector] | None = None, *, processes: bool = False
    ) -> None:
        self._detectors = builtin_detectors() if detectors is None else tuple(detectors)
        self._processes = processes
        self._cases: dict[_Key, _Case] = {}

    @property
    def active(self) -> tuple[Finding, ...]:
        """The findings in force, as they were last judged, the most severe first."""
        found = [one for case in self._cases.values() for one in case.findings.values()]
        return tuple(sorted(found, key=lambda one: -one.severity))

    def judge(self, snapshot: Snapshot) -> tuple[Finding, ...]:
        """Take the next snapshot; what is to be told now, in order."""
        told: list[Finding] = []
        now = snapshot.monotonic_ns
        for key, subject, who, sample in self._subjects(snapshot):
            case = self._cases.get(key)
            if case is None:
                case = self._cases[key] = _Case(subject, Samples(sample), now, who)
            else:
                case.samples.add(sample)
                case.seen_ns, case.who = now, who
            for detector in self._detectors:
                verdict = detector.verdict(case.samples)
                if verdict is not None:
                    told += _said(case, detector.name, verdict, case.who, snapshot)
        for key, case in list(self._cases.items()):
            gone = now - case.seen_ns > FORGET_NS
            told += _ended(case, snapshot, at_once=gone)
            if gone:
                del self._cases[key]
        return tuple(told)

    def hear(self, note: Note) -> tuple[Finding, ...]:
        """What is to be told of a note at once: a kill, which ends a job between snapshots."""
        detector = next((one for one in self._detectors if isinstance(one, OomDetector)), None)
        if detector is None or not isinstance(note, OomNote):
            return ()
        who, verdict = detector.of_note(note)
        case = self._cases.get((note.job.key, ""))
        finding = finding_of(Subject(note.job), detector.name, verdict, who,
                             note.time_ns, note.monotonic_ns, FindingState.BEGIN)  # fmt: skip
        if case is None:
            return (finding,)
        case.last_ns[detector.name] = note.monotonic_ns
        if detector.name in case.findings:
            return ()  # notes tell of each victim
        case.findings[detector.name] = replace(finding, state=FindingState.CONTINUE)
        return (finding,)

    def samples(self, subject: Subject) -> Samples | None:
        """What is remembered of a subject, or None if it was never judged."""
        case = self._cases.get((subject.job.key, _process_key(subject.process)))
        return None if case is None else case.samples

    def _subjects(self, snapshot: Snapshot) -> Iterator[tuple[_Key, Subject, str, Sample]]:
        now = snapshot.monotonic_ns
        sharing = Counter(job.identity.cgroup_id for job in snapshot.jobs)
        for job in snapshot.jobs:
            sample = of_job(job, now, alone=sharing[job.identity.cgroup_id] == 1)
            yield (job.identity.key, ""), Subject(job.identity), words.who(job), sample
            if self._processes:
                yield from _processes(job, now)


def _processes(job: JobSnapshot, now_ns: int) -> Iterator[tuple[_Key, Subject, str, Sample]]:
    for process in job.processes:
        if process.role:
            continue  # a crash monitor is never the subject
        key = process.key
        yield (
            (job.identity.key, _process_key(key)),
            Subject(job.identity, key, process.comm),
            words.who(job, process),
            of_process(process, job, now_ns),
        )


def _process_key(process: ProcessKey | None) -> str:
    return "" if process is None else f"{process.pid} {process.start_boottime_ns}"


def _said(
    case: _Case, detector: str, verdict: Verdict, who: str, snapshot: Snapshot
) -> Iterator[Finding]:
    """The condition is met: note it, and tell it where it is news."""
    before = case.findings.get(detector)
    now = snapshot.monotonic_ns
    finding = finding_of(
        case.subject, detector, verdict, who, snapshot.time_ns, now, FindingState.CONTINUE
    )
    case.last_ns[detector] = now
    case.over_below[detector] = verdict.over_below_bytes
    if before is None:
        yield replace(finding, state=FindingState.BEGIN)
    else:
        # Once it was loud it stays so: only the end takes that back.
        worst = max(before.severity, finding.severity)
        finding = replace(finding, severity=Severity(worst), since_ns=before.since_ns)
        if worst > before.severity:
            yield replace(finding, state=FindingState.RISE)
    case.findings[detector] = finding


def _ended(case: _Case, snapshot: Snapshot, *, at_once: bool) -> Iterator[Finding]:
    now = snapshot.monotonic_ns
    for detector, finding in list(case.findings.items()):
        returned = case.samples.now.held_bytes < case.over_below.get(detector, 0)
        if not (at_once or returned) and now - case.last_ns[detector] <= HOLD_NS:
            continue
        del case.findings[detector]
        lasted = words.seconds((now - finding.since_ns) / NS_PER_SECOND)
        why = "is gone" if at_once else f"{detector} is over"
        yield replace(
            finding,
            state=FindingState.END,
            time_ns=snapshot.time_ns,
            monotonic_ns=now,
            seconds_to_limit=None,
            sentence=f"{case.who}: {why}, after {lasted}",
        )


def finding_of(
    subject: Subject,
    detector: str,
    verdict: Verdict,
    who: str,
    time_ns: int,
    monotonic_ns: int,
    state: FindingState,
) -> Finding:
    """A detector's verdict, and of whom and when it is; times as in `Finding`."""
    return Finding(
        detector=detector,
        subject=subject,
        severity=verdict.severity,
        measured=verdict.measured,
        bound=verdict.bound,
        unit=verdict.unit,
        since_ns=verdict.since_ns,
        time_ns=time_ns,
        monotonic_ns=monotonic_ns,
        seconds_to_limit=verdict.seconds_to_limit,
        sentence=f"{who} {verdict.words}",
        state=state,
    )
