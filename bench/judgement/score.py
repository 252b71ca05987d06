"""Replays recordings through rules, and counts: leaks called in time, missed, false alarms."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.judgement.trace import Row, Trace, snapshots
from ebpftrace.judge.detector import Detector
from ebpftrace.judge.detectors.builtin import BuiltinJudgement
from ebpftrace.judge.finding import Finding
from ebpftrace.judge.judge import Judge

IN_TIME = 0.7  # of the way from a leak's beginning to its end at the limit
_AT_THE_LIMIT = 0.97

Rule = Callable[[Trace], float | None]
"""A recording in; when the rule first called it a leak, in its seconds, or None."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule made of one recording.

    `way` is how far a leak had come when it was called: of the memory between where it
    began and the limit, the part that was taken by what the kernel cannot drop, 0..1.
    """

    trace: Trace
    called_s: float | None
    way: float | None
    lead_s: float | None

    @property
    def in_time(self) -> bool:
        return self.way is not None and self.way <= IN_TIME

    @property
    def false_alarm(self) -> bool:
        """Called where nothing leaks, or before it does."""
        if self.called_s is None:
            return False
        return self.trace.label == "healthy" or self.called_s < self.trace.onset_s


@dataclass(frozen=True, slots=True)
class Score:
    """One rule on all recordings."""

    rule: str
    outcomes: tuple[Outcome, ...]

    @property
    def leaks(self) -> list[Outcome]:
        return [one for one in self.outcomes if one.trace.label == "leak"]

    @property
    def in_time(self) -> int:
        return sum(one.in_time for one in self.leaks)

    @property
    def late(self) -> int:
        return sum(one.way is not None and one.way > IN_TIME for one in self.leaks)

    @property
    def missed(self) -> int:
        return sum(one.way is None for one in self.leaks)

    @property
    def false_alarms(self) -> int:
        return sum(one.false_alarm for one in self.outcomes)

    @property
    def lead_s(self) -> float | None:
        """Median seconds between the call and the end, of the leaks that were called."""
        leads = [one.lead_s for one in self.leaks if one.lead_s is not None]
        return median(leads) if leads else None


def builtin(trace: Trace, detectors: Sequence[Detector] | None = None) -> float | None:
    """What a policy acts on by default: the first finding of that kind, but not the kill."""
    acts = BuiltinJudgement().acts_on
    return _first(trace, lambda one: acts(one) and one.detector != "oom", detectors)


def forecast(trace: Trace, detectors: Sequence[Detector] | None = None) -> float | None:
    """What is said before that, and not acted on: the first forecast, or thrashing."""
    names = ("forecast", "thrash")
    return _first(trace, lambda one: one.detector in names, detectors)


def _first(
    trace: Trace, counts: Callable[[Finding], bool], detectors: Sequence[Detector] | None
) -> float | None:
    judge = Judge(detectors)
    for snapshot in snapshots(trace):
        if any(map(counts, judge.judge(snapshot))):
            return snapshot.monotonic_ns / 1e9
    return None


def end_s(trace: Trace) -> float:
    """When a leak came to its end: a kill, or the limit taken by what cannot be dropped."""
    for row in trace.rows:
        if row.kills or (row.limit and row.fixed_kib >= row.limit * _AT_THE_LIMIT):
            return row.t_ms / 1000
    return trace.rows[-1].t_ms / 1000


def outcome(rule: Rule, trace: Trace) -> Outcome:
    called = rule(trace)
    if called is None or trace.label != "leak" or called < trace.onset_s:
        return Outcome(trace, called, None, None)
    start = _at(trace, trace.onset_s).fixed_kib
    row = _at(trace, called)
    way = (row.fixed_kib - start) / max(1, row.limit - start)
    return Outcome(trace, called, way, end_s(trace) - called)


def _at(trace: Trace, seconds: float) -> Row:
    late = (row for row in trace.rows if row.t_ms >= round(seconds * 1000))
    return next(late, trace.rows[-1])


def score(name: str, rule: Rule, traces: Iterable[Trace]) -> Score:
    return Score(name, tuple(outcome(rule, trace) for trace in traces))
