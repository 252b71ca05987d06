"""Styles and signs for terminals of every kind.

No background is ever set, so that light and dark screens both work; the chosen row is in
reverse. A colour only repeats what a sign or a number shows already.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rich.style import Style

from ebpftrace.views.dashboard.render.spans import Line
from ebpftrace.views.level import Danger
from ebpftrace.views.notes import Emphasis


@dataclass(frozen=True, slots=True)
class Signs:
    """The characters that are not letters."""

    anon: str
    shmem: str
    file: str
    rest: str  # of the charge: page cache, and untracked processes of the cgroup
    free: str
    levels: str  # a sparkline's, from none to all
    nothing: str
    folded: str
    unfolded: str
    killed: str
    near: str
    raised: str
    frozen: str
    line: str
    upright: str
    corner: str
    mark: str  # on an axis
    braille: bool  # charts are drawn in dots


UNICODE = Signs("▇", "▓", "▒", "░", "·", " ▁▂▃▄▅▆▇", "·", "▸", "▾", "✗", "!", "▲", "❆",
                "─", "│", "└", "┤", True)  # fmt: skip
ASCII = Signs("#", "%", "=", "-", ".", " .,:-=+*#", ".", ">", "v", "x", "!", "^", "*",
              "-", "|", "+", "+", False)  # fmt: skip
"""For terminals without UTF-8, and the Linux console, whose font is small."""


_STAND_INS = str.maketrans("·…↑↓←→×", ".~^v<>x")


def in_signs(lines: Iterable[Line], signs: Signs) -> list[Line]:
    """The lines with signs replaced that the terminal cannot show."""
    if signs is not ASCII:
        return list(lines)
    return [
        tuple(part._replace(text=part.text.translate(_STAND_INS)) for part in line)
        for line in lines
    ]


def signs_of(encoding: str | None, terminal: str) -> Signs:
    """The signs for an encoding (`UTF-8`) and a terminal (the value of TERM)."""
    utf8 = (encoding or "").lower().replace("-", "") == "utf8"
    return UNICODE if utf8 and terminal != "linux" else ASCII


@dataclass(frozen=True, slots=True)
class Theme:
    """One style for each meaning."""

    signs: Signs
    plain: Style
    strong: Style
    faint: Style
    good: Style
    alarm: Style
    warning: Style
    anon: Style
    shmem: Style
    file: Style
    frozen: Style  # a process stopped by a fuse
    chosen: Style
    key: Style

    def entry(self, emphasis: Emphasis) -> Style:
        """The style of an entry in the event list."""
        styles: dict[Emphasis, Style] = {
            "faint": self.faint,
            "plain": self.plain,
            "good": self.good,
            "warning": self.warning,
            "alarm": self.alarm,
            "frozen": self.frozen,
        }
        return styles[emphasis]

    def level(self, danger: Danger) -> Style:
        """The style for the state of a job."""
        styles = {
            Danger.FROZEN: self.frozen,
            Danger.NEAR: self.alarm,
            Danger.RAISED: self.warning,
        }
        return styles.get(danger, self.plain)


# Okabe and Ito's palette, distinguishable with every kind of colour blindness, in shades
# with a contrast of at least three on white and on black.
_RICH = {"alarm": "#d55e00", "warning": "#b8860b", "anon": "#2a88c8", "shmem": "#c5689b",
         "file": "#009e73", "good": "#009e73", "frozen": "#00a0c0"}  # fmt: skip
_SIXTEEN = {"alarm": "red", "warning": "yellow", "anon": "blue", "shmem": "magenta",
            "file": "cyan", "good": "green", "frozen": "cyan"}  # fmt: skip


def make_theme(color_system: str | None, signs: Signs = UNICODE) -> Theme:
    """The theme for one of rich's colour systems; None: only bold, dim and reverse."""
    colours: Mapping[str, str | None]
    if color_system is None:
        colours = dict.fromkeys(_RICH)
    else:
        colours = _SIXTEEN if color_system in {"standard", "windows"} else _RICH
    return Theme(
        signs=signs,
        plain=Style(),
        strong=Style(bold=True),
        faint=Style(dim=True),
        good=Style(bold=True, color=colours["good"]),
        alarm=Style(bold=True, color=colours["alarm"]),
        warning=Style(color=colours["warning"]),
        anon=Style(color=colours["anon"]),
        shmem=Style(color=colours["shmem"]),
        file=Style(color=colours["file"]),
        frozen=Style(bold=True, color=colours["frozen"]),
        chosen=Style(reverse=True),
        key=Style(bold=True),
    )
