"""The last line: the filter, a message, or the most useful keys."""

from rich.segment import Segment

from ebpftrace.views.dashboard.model.state import DashboardState, Pane
from ebpftrace.views.dashboard.render.spans import Line, fit, text
from ebpftrace.views.dashboard.render.theme import Theme

_WINDOW_NAMES = ("1m", "5m", "15m")


def footer(
    state: DashboardState, shown: int, width: int, theme: Theme, *, frozen: bool = False
) -> Line:
    """One line of at most `width` columns. Keys are left out from the right, never cut.

    `shown` is the number of rows; `frozen` is true if the cursor's row has a stopped
    process, for the keys t and x.
    """
    if state.typing:
        return fit(
            [
                text("/", theme.key),
                text(state.filter_text),
                text(" ", theme.chosen),
                text("  enter keeps it, escape clears it", theme.faint),
            ],
            width,
        )
    if state.message:
        return fit([text(state.message)], width)
    line: list[Segment] = []
    used = 0
    for key, label in _keys(state, shown, frozen):
        size = len(key) + 1 + len(label) + (2 if line else 0)
        if used + size > width:
            continue
        line += [
            text("  " if line else ""),
            text(key, theme.key),
            text(f" {label}", theme.faint),
        ]
        used += size
    return tuple(line)


def _keys(state: DashboardState, shown: int, frozen: bool) -> list[tuple[str, str]]:
    if state.pane is Pane.HELP:
        return [("any key", "leaves the help"), ("q", "quit")]
    keys = [("q", "quit"), ("?", "help")]
    if frozen:
        keys += [("t", "thaw"), ("x", "kill")]
    if state.filter_text:
        keys.insert(0, (f"/{state.filter_text}", f"{shown} shown, escape clears it"))
    if state.pane is Pane.DETAIL:
        return [*keys, ("escape", "back"), ("w", _WINDOW_NAMES[state.window]), ("S", "save"),
                ("p", "resume" if state.paused else "pause")]  # fmt: skip
    return [
        *keys,
        ("s", f"by {state.sort.value}"),
        ("/", "filter"),
        ("enter", "detail"),
        ("space", "fold"),
        ("p", "resume" if state.paused else "pause"),
        ("w", _WINDOW_NAMES[state.window]),
        ("z", "unfold all" if state.all_folded else "fold all"),
        ("S", "save"),
    ]
