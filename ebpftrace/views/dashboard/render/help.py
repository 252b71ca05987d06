"""The help: each key, and what the signs mean."""

from rich.style import Style

from ebpftrace.views.dashboard.render.spans import Line, fit, text
from ebpftrace.views.dashboard.render.theme import Theme

_ROOMY = 72  # columns from which the kinds of memory fit on one line

KEYS = (
    ("↑ ↓  j k", "move"),
    ("PgUp PgDn  g G", "move by a page, to the first, to the last; scroll a detail"),
    ("enter", "detail of the chosen job or process, and back"),
    ("space  ← →", "fold and unfold the chosen job"),
    ("z", "fold and unfold all jobs"),
    ("s", "sort by size, growth, time to limit, name"),
    ("/", "filter as you type; enter keeps it, escape clears it"),
    ("w", "show the last 1, 5 or 15 minutes"),
    ("t  x", "resume the chosen frozen process; kill it (press x twice)"),
    ("p", "pause the screen, and resume; no event is lost"),
    ("S", "save the screen as SVG and text in the current folder"),
    ("?", "this help"),
    ("q  Ctrl-C", "quit, with a summary"),
    ("Ctrl-Z  Ctrl-L", "suspend; redraw"),
)


def help_lines(width: int, theme: Theme) -> list[Line]:
    """The keys, then the meaning of the signs; more compact on a wide screen."""
    signs = theme.signs
    lines: list[Line] = [
        fit([text(f" {keys:<15} ", theme.key), text(meaning)], width) for keys, meaning in KEYS
    ]
    marks = (
        (signs.frozen, "FROZEN: a fuse has stopped a process", theme.frozen),
        (signs.near, "90 % of the limit held, or a critical finding", theme.alarm),
        (signs.raised, "75 %, a minute from the limit, or a warning", theme.warning),
        (signs.killed, "a process was oom-killed", theme.alarm),
    )
    lines += [fit(_meaning(mark), width) for mark in marks]
    kinds = (
        (signs.anon, "anonymous", theme.anon),
        (signs.shmem, "shared", theme.shmem),
        (signs.file, "file", theme.file),
        (signs.rest, "rest: page cache, others", theme.faint),
    )
    if width < _ROOMY:
        lines.append(fit([text(" In the bar against the limit:", theme.faint)], width))
        return lines + [fit(_meaning(kind), width) for kind in kinds]
    bar = [
        text(" In the bar:", theme.faint),
        *(part for kind in kinds for part in _meaning(kind)),
    ]
    return [*lines, fit(bar, width)]


def _meaning(mark: tuple[str, str, Style]) -> Line:
    sign, meaning, style = mark
    return (text(f" {sign} ", style), text(meaning))
