"""Findings from verdicts: a condition is met, more severe, or over."""

from collections.abc import Iterator

from ebpftrace.judge import words
from ebpftrace.judge.case import Case
from ebpftrace.judge.detector import Detector, Verdict
from ebpftrace.judge.detectors.hang import NAME as HANG
from ebpftrace.judge.detectors.oom import NAME as OOM
from ebpftrace.judge.finding import Finding, FindingState, FindingUnit, Severity, Subject
from ebpftrace.judge.sharing import is_full
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, Snapshot
from ebpftrace.units import NS_PER_SECOND

HOLD_NS = 10 * NS_PER_SECOND
"""A finding ends when its condition has not been met for so long: no flapping."""


def met(
    case: Case, detector: Detector, verdict: Verdict, snapshot: Snapshot
) -> Iterator[Finding]:
    """The condition is met: keep the finding, and report it if it is new or more severe."""
    name = detector.name
    held = case.in_force
    before = held.findings.get(name)
    now = snapshot.monotonic_ns
    held.labels[name], end = subject_words(detector, verdict, case.job, case.process, now)
    finding = finding_of(
        case.subject, detector, verdict, held.labels[name], snapshot.time_ns, now,
        FindingState.CONTINUE, end,
    )  # fmt: skip
    held.met_ns[name] = now
    held.ends_below[name] = verdict.ends_below_bytes
    if before is None:
        yield finding._replace(state=FindingState.BEGIN)
    else:
        # The severity of a finding never falls before it ends.
        worst = max(before.severity, finding.severity)
        finding = finding._replace(severity=Severity(worst), since_ns=before.since_ns)
        if worst > before.severity:
            yield finding._replace(state=FindingState.RISE)
    held.findings[name] = finding


def over(case: Case, snapshot: Snapshot, *, gone: bool) -> Iterator[Finding]:
    """End the findings whose condition has not been met for long enough."""
    now, label = snapshot.monotonic_ns, words.label(case.job, case.process)
    held = case.in_force
    full = HANG in held.findings or is_full(case.samples.now)
    for detector, finding in list(held.findings.items()):
        returned = case.samples.now.held_bytes < held.ends_below.get(detector, 0)
        stays = full and detector not in (HANG, OOM)
        if not (gone or returned) and (stays or now - held.met_ns[detector] <= HOLD_NS):
            continue
        del held.findings[detector]
        lasted = words.seconds((now - finding.since_ns) / NS_PER_SECOND)
        why = "is gone" if gone else f"{detector} is over"
        yield finding._replace(
            state=FindingState.END,
            time_ns=snapshot.time_ns,
            monotonic_ns=now,
            seconds_to_limit=None,
            sentence=f"{held.labels.get(detector, label)}: {why}, after {lasted}",
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
