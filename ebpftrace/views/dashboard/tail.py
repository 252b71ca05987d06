"""The tail of events: what happened, the newest last."""

from collections.abc import Sequence

from rich.style import Style

from ebpftrace.act.outcome import Outcome, Status, StepOutcome
from ebpftrace.judge.finding import Finding, Severity, State
from ebpftrace.ledger import LossNote, OomNote, ProcessNote
from ebpftrace.views.dashboard.spans import Line, fit, text
from ebpftrace.views.dashboard.theme import Theme
from ebpftrace.views.told import Told, told_line


def tail(
    notes: Sequence[Told], remarks: Sequence[str], width: int, height: int, theme: Theme
) -> list[Line]:
    """At most `height` lines, the newest notes; a rule above them says what they are.

    While there are few, what a user should know of this watch stands before them.
    """
    room = height - 1
    if room < 1 or not (notes or remarks):
        return []
    shown = notes[-room:]
    told = remarks[: room - len(shown)]
    return [
        rule("events", width, theme),
        *(fit([text(f"remark   {remark}", theme.warning)], width) for remark in told),
        *(fit([text(told_line(note, width), _style(note, theme))], width) for note in shown),
    ]


def rule(title: str, width: int, theme: Theme) -> Line:
    """A line across the screen with a title in it."""
    line = theme.signs.line
    told = f"{line * 2} {title} "
    return fit([text(told + line * max(0, width - len(told)), theme.faint)], width)


def _style(note: Told, theme: Theme) -> Style:
    if isinstance(note, Finding):
        return _finding_style(note, theme)
    if isinstance(note, StepOutcome):
        return theme.plain if note.status is Status.DONE else theme.warning
    if isinstance(note, Outcome):
        return theme.strong if note.helped else theme.alarm
    if isinstance(note, OomNote):
        return theme.alarm
    if isinstance(note, LossNote):
        return theme.warning
    return theme.faint if isinstance(note, ProcessNote) else theme.plain


def _finding_style(finding: Finding, theme: Theme) -> Style:
    if finding.state is State.END:
        return theme.faint
    styles = {Severity.CRITICAL: theme.alarm, Severity.WARNING: theme.warning}
    return styles.get(finding.severity, theme.plain)
