"""The tail of events: what happened, the newest last."""

from collections.abc import Sequence

from ebpftrace.views.dashboard.render.spans import Line, fit, text
from ebpftrace.views.dashboard.render.theme import Theme
from ebpftrace.views.dashboard.render.trouble import RECENT_NS
from ebpftrace.views.entries import Entry, emphasis, entry_line, is_significant


def tail(
    entries: Sequence[Entry],
    remarks: Sequence[str],
    now_ns: int,
    width: int,
    height: int,
    theme: Theme,
) -> list[Line]:
    """At most `height` lines, the newest entries; a rule above them says what they are.

    What matters for longer than its moment (a kill, a finding, an act) is not pushed off
    by comings and goings within a minute of `now_ns` (CLOCK_MONOTONIC). While there are
    few, what a user should know of this watch stands before them.
    """
    room = height - 1
    if room < 1 or not (entries or remarks):
        return []
    shown = _choose(entries, now_ns - RECENT_NS, room)
    told = remarks[: room - len(shown)]
    return [
        rule("events", width, theme),
        *(fit([text(f"remark   {remark}", theme.warning)], width) for remark in told),
        *(
            fit([text(entry_line(entry, width), theme.entry(emphasis(entry)))], width)
            for entry in shown
        ),
    ]


def _choose(entries: Sequence[Entry], since_ns: int, room: int) -> list[Entry]:
    """The newest `room` of them in their order, those that last before the others."""
    stay: list[int] = []
    pass_by: list[int] = []
    for index in range(len(entries) - 1, -1, -1):
        entry = entries[index]
        stays = entry.monotonic_ns >= since_ns and is_significant(entry)
        (stay if stays else pass_by).append(index)
    return [entries[index] for index in sorted([*stay, *pass_by][:room])]


def rule(title: str, width: int, theme: Theme) -> Line:
    """A line across the screen with a title in it."""
    line = theme.signs.line
    told = f"{line * 2} {title} "
    return fit([text(told + line * max(0, width - len(told)), theme.faint)], width)
