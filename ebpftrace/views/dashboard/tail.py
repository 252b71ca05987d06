"""The tail of events: what happened, the newest last."""

from collections.abc import Sequence

from ebpftrace.views.dashboard.spans import Line, fit, text
from ebpftrace.views.dashboard.theme import Theme
from ebpftrace.views.entries import Entry, entry_line, loudness


def tail(
    entries: Sequence[Entry], remarks: Sequence[str], width: int, height: int, theme: Theme
) -> list[Line]:
    """At most `height` lines, the newest entries; a rule above them says what they are.

    While there are few, what a user should know of this watch stands before them.
    """
    room = height - 1
    if room < 1 or not (entries or remarks):
        return []
    shown = entries[-room:]
    told = remarks[: room - len(shown)]
    return [
        rule("events", width, theme),
        *(fit([text(f"remark   {remark}", theme.warning)], width) for remark in told),
        *(
            fit([text(entry_line(entry, width), theme.entry(loudness(entry)))], width)
            for entry in shown
        ),
    ]


def rule(title: str, width: int, theme: Theme) -> Line:
    """A line across the screen with a title in it."""
    line = theme.signs.line
    told = f"{line * 2} {title} "
    return fit([text(told + line * max(0, width - len(told)), theme.faint)], width)
