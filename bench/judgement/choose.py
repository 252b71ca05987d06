"""Are the settings of the forecast any good on what they were not chosen on? Leave one out."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.judgement.score import Outcome, forecast, outcome
from bench.judgement.trace import Trace
from ebpftrace.judge.detectors.forecast import ForecastDetector
from ebpftrace.judge.detectors.thrash import ThrashDetector

SHORT = (0.45, 0.5, 0.55, 0.58, 0.62, 0.66, 0.7)
LONG = (0.3, 0.4, 0.46, 0.52, 0.58, 0.62)

Setting = tuple[float, float]  # short_share, long_share


@dataclass(frozen=True, slots=True)
class Left:
    """One recording, judged with the settings that all the others chose."""

    outcome: Outcome
    setting: Setting

    @property
    def right(self) -> bool:
        if self.outcome.trace.label == "leak":
            return self.outcome.in_time
        return not self.outcome.false_alarm


def leave_one_out(traces: Sequence[Trace]) -> list[Left]:
    """For each recording, what the best settings of all the others make of it."""
    table = {
        setting: [_judged(trace, setting) for trace in traces]
        for setting in ((short, long) for short in SHORT for long in LONG if long <= short)
    }
    found = []
    for number in range(len(traces)):
        best = min(table, key=lambda setting: (_errors(table[setting], number), *_off(setting)))
        found.append(Left(table[best][number], best))
    return found


def _judged(trace: Trace, setting: Setting) -> Outcome:
    short, long = setting
    return outcome(
        lambda one: forecast(
            one, [ForecastDetector(short_share=short, long_share=long), ThrashDetector()]
        ),
        trace,
    )


def _errors(outcomes: Sequence[Outcome], but: int) -> int:
    """Leaks not called in time, and false alarms; one recording does not count."""
    return sum(
        one.false_alarm or (one.trace.label == "leak" and not one.in_time)
        for number, one in enumerate(outcomes)
        if number != but
    )


def _off(setting: Setting) -> tuple[float, float]:
    """Of settings as good as each other, the one in the middle of the grid."""
    return (
        abs(setting[0] - SHORT[len(SHORT) // 2]),
        abs(setting[1] - LONG[len(LONG) // 2]),
    )
