"""The scores as text."""

from collections.abc import Sequence

from bench.judgement.choose import leave_one_out
from bench.judgement.rivals import RIVALS
from bench.judgement.score import IN_TIME, Score, builtin, forecast, score
from bench.judgement.trace import Trace

OURS = "ebpftrace, leak or exhaustion"
FORECAST = "ebpftrace, forecast (no call)"


def scores(traces: Sequence[Trace]) -> list[Score]:
    """Ours first, then the others'."""
    rules = {OURS: builtin, FORECAST: forecast, **RIVALS}
    return [score(name, rule, traces) for name, rule in rules.items()]


def table_text(traces: Sequence[Trace]) -> str:
    """One table: leaks in time, late and missed, false alarms, lead."""
    leaks = sum(trace.label == "leak" for trace in traces)
    lines = [
        f"{leaks} leaks and {len(traces) - leaks} healthy runs; in time is before "
        f"{IN_TIME:.0%} of the way to the limit",
        f"{'rule':<38} in time  late  missed  false alarms  lead",
    ]
    for one in scores(traces):
        lead = "-" if one.lead_s is None else f"{one.lead_s:.0f} s"
        lines.append(
            f"{one.rule:<38} {one.in_time:>7} {one.late:>5} {one.missed:>7} "
            f"{one.false_alarms:>13}  {lead:>4}"
        )
    return "\n".join(lines)


def each_text(traces: Sequence[Trace]) -> str:
    """What ours made of each recording."""
    lines = []
    for one in score(OURS, builtin, traces).outcomes:
        if one.trace.label == "leak":
            result = "missed" if one.way is None else f"called at {one.way:.0%} of the way"
            result = "called before it began" if one.false_alarm else result
        else:
            result = "FALSE ALARM" if one.false_alarm else "quiet"
        lines.append(f"{one.trace.name:<30} {one.trace.label:<8} {result}")
    return "\n".join(lines)


def settings_text(traces: Sequence[Trace]) -> str:
    """How the settings fare on what they were not chosen on."""
    found = leave_one_out(traces)
    right = sum(one.right for one in found)
    chosen = sorted({one.setting for one in found})
    lines = [
        f"leave one out: {right} of {len(found)} right",
        "chosen (short, long): " + ", ".join(f"{short}/{long}" for short, long in chosen),
    ]
    lines += [f"wrong: {one.outcome.trace.name}" for one in found if not one.right]
    return "\n".join(lines)
