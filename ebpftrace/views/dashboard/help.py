"""The help: each key, and what the signs mean."""

from ebpftrace.views.dashboard.spans import Line, fit, text
from ebpftrace.views.dashboard.theme import Theme

KEYS = (
    ("↑ ↓  j k", "move"),
    ("PgUp PgDn  g G", "move by a page, to the first, to the last"),
    ("enter", "detail of the chosen job or process, and back"),
    ("space  ← →", "fold and unfold the chosen job"),
    ("z", "fold and unfold all jobs"),
    ("s", "sort by size, growth, time to limit, name"),
    ("/", "filter as you type; enter keeps it, escape ends it"),
    ("w", "look back on 1, 5 or 15 minutes"),
    ("p", "pause what is shown, and go on; nothing is lost meanwhile"),
    ("S", "save what is shown as SVG and text in the current folder"),
    ("?", "this help"),
    ("q  Ctrl-C", "quit, with a summary"),
    ("Ctrl-Z  Ctrl-L", "suspend; draw anew"),
)


def help_lines(width: int, height: int, theme: Theme) -> list[Line]:
    """At most `height` lines; the keys come first."""
    signs = theme.signs
    lines: list[Line] = [
        fit([text(f" {keys:<15} ", theme.key), text(told)], width) for keys, told in KEYS
    ]
    kinds = (
        (signs.anon, "anonymous", theme.anon),
        (signs.shmem, "shared (tmpfs, shm)", theme.shmem),
        (signs.file, "file", theme.file),
        (signs.rest, "rest of the charge: page cache, others", theme.faint),
    )
    lines += [
        fit([text(" In the bar against the limit:", theme.faint)], width),
        *(fit([text(f" {sign} ", style), text(told)], width) for sign, told, style in kinds),
        fit([text(f" {signs.near} ", theme.alarm), text("90 % of the limit is held")], width),
        fit(
            [
                text(f" {signs.raised} ", theme.warning),
                text("75 %, or a minute from the limit"),
            ],
            width,
        ),
        fit([text(f" {signs.killed} ", theme.alarm), text("a process was oom-killed")], width),
    ]
    return lines[:height]
