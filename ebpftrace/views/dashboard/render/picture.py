"""A frame as text and as SVG: what `S` and `--screenshot` write."""

import io
import re
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.segment import Segment, Segments
from rich.terminal_theme import TerminalTheme

from ebpftrace.views.dashboard.render.spans import Line, plain

_RUN = re.compile(r"[!-~]+(?: [!-~]+)*| +|[^ -~]+")
_DARK = TerminalTheme(
    (22, 27, 34),
    (208, 215, 222),
    [(72, 79, 88), (213, 94, 0), (0, 158, 115), (184, 134, 11),
     (42, 136, 200), (197, 104, 155), (57, 197, 207), (177, 186, 196)],
)  # fmt: skip
# Rich's own template loads its font from another host; this one loads nothing. It also
# preserves spaces between words in every renderer.
_SVG = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xml:space="preserve" \
xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: "Fira Code", "DejaVu Sans Mono", Menlo, Consolas, \
monospace; font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" \
clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def as_text(lines: Sequence[Line]) -> str:
    """The frame without styles; each line ends in a newline."""
    return "".join(f"{plain(line).rstrip()}\n" for line in lines)


def as_svg(lines: Sequence[Line], width: int, title: str) -> str:
    """The frame as an SVG document: a dark screen of `width` columns."""
    console = Console(
        record=True,
        width=width,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        _environ={},
    )
    newline = Segment("\n")
    console.print(
        Segments([part for line in lines for part in (*_runs(line), newline)]),
        end="",
        no_wrap=True,
        crop=False,
    )
    # A fixed identifier makes the output of a frame reproducible.
    return console.export_svg(title=title, theme=_DARK, code_format=_SVG, unique_id="ebpftrace")


def _runs(line: Line) -> Iterator[Segment]:
    """The line in parts of only letters, only signs or only spaces.

    Each part gets its own position, so that a sign from a fallback font moves nothing.
    """
    for segment in line:
        for part in _RUN.findall(segment.text):
            yield Segment(part, segment.style)
