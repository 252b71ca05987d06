"""The tail of events: what happened, the newest last."""

from collections.abc import Sequence

from rich.style import Style

from ebpftrace.ledger import LossNote, Note, OomNote, ProcessNote
from ebpftrace.views.dashboard.spans import Line, fit, text
from ebpftrace.views.dashboard.theme import Theme
from ebpftrace.views.lines import note_line


def tail(
    notes: Sequence[Note], remarks: Sequence[str], width: int, height: int, theme: Theme
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
        *(fit([text(note_line(note, width), _style(note, theme))], width) for note in shown),
    ]


def rule(title: str, width: int, theme: Theme) -> Line:
    """A line across the screen with a title in it."""
    line = theme.signs.line
    told = f"{line * 2} {title} "
    return fit([text(told + line * max(0, width - len(told)), theme.faint)], width)


def _style(note: Note, theme: Theme) -> Style:
    if isinstance(note, OomNote):
        return theme.alarm
    if isinstance(note, LossNote):
        return theme.warning
    return theme.faint if isinstance(note, ProcessNote) else theme.plain
