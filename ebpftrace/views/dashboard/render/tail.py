"""The event list: what happened, the newest last."""

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
    """The newest entries below a title, in at most `height` lines.

    Routine entries do not displace significant ones within a minute of `now_ns`
    (CLOCK_MONOTONIC). Remarks about the watch come first, if there is room.
    """
    room = height - 1
    if room < 1 or not (entries or remarks):
        return []
    shown = _choose(entries, now_ns - RECENT_NS, room)
    fitting = remarks[: room - len(shown)]
    return [
        rule("events", width, theme),
        *(fit([text(f"remark   {remark}", theme.warning)], width) for remark in fitting),
        *(
            fit([text(entry_line(entry, width), theme.entry(emphasis(entry)))], width)
            for entry in shown
        ),
    ]


def _choose(entries: Sequence[Entry], since_ns: int, room: int) -> list[Entry]:
    """The newest `room` entries in their order, recent significant ones first of all."""
    kept: list[int] = []
    routine: list[int] = []
    for index in range(len(entries) - 1, -1, -1):
        entry = entries[index]
        keep = entry.monotonic_ns >= since_ns and is_significant(entry)
        (kept if keep else routine).append(index)
    return [entries[index] for index in sorted([*kept, *routine][:room])]


def rule(title: str, width: int, theme: Theme) -> Line:
    """A line across the screen with a title in it."""
    line = theme.signs.line
    start = f"{line * 2} {title} "
    return fit([text(start + line * max(0, width - len(start)), theme.faint)], width)
