"""Curves over time against levels, as a small SVG that is read in light and in dark."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 320
LEFT, RIGHT, TOP, BOTTOM = 52, 84, 64, 36
_TICKS = 6

_STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #57606a }
.title { font-weight: 600; fill: #24292f }
.axis { stroke: #d0d7de }
.level { stroke: #57606a; stroke-dasharray: 4 3 }
polyline { fill: none; stroke-width: 2; stroke-linejoin: round }
.won { stroke: #0969da } .lost { stroke: #cf222e }
text.won { fill: #0969da; stroke: none } text.lost { fill: #cf222e; stroke: none }
@media (prefers-color-scheme: dark) {
text { fill: #9198a1 } .title { fill: #f0f6fc }
.axis { stroke: #3d444d } .level { stroke: #9198a1 }
.won { stroke: #4493f8 } .lost { stroke: #f85149 }
text.won { fill: #4493f8 } text.lost { fill: #f85149 }
}"""


@dataclass(frozen=True, slots=True)
class Curve:
    """Points are (milliseconds, MiB), or of another unit across; `look` is `won` or `lost`."""

    label: str
    points: tuple[tuple[float, float], ...]
    look: str


@dataclass(frozen=True, slots=True)
class Level:
    """A line across, at so many MiB."""

    label: str
    at: float


def picture(
    title: str, curves: Sequence[Curve], levels: Sequence[Level], unit: str = " ms"
) -> str:
    """The SVG's text; `unit` is that of the way across. The background is left to the page."""
    longest = max(x for curve in curves for x, _y in curve.points)
    tops = [level.at for level in levels] or [y for curve in curves for _x, y in curve.points]
    highest = max(tops) * 1.08

    def at(x: float, y: float) -> tuple[float, float]:
        across = LEFT + x / longest * (WIDTH - LEFT - RIGHT)
        up = HEIGHT - BOTTOM - y / highest * (HEIGHT - TOP - BOTTOM)
        return round(across, 1), round(up, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img"><title>{escape(title)}</title><style>{_STYLE}</style>',
        _text(LEFT, 16, title, "title"),
    ]
    for number, curve in enumerate(curves):
        parts.append(_text(LEFT, 34 + 16 * number, f"— {curve.label}", curve.look))
    for mib in range(0, int(highest) + 1, max(100, int(_round_step(highest / _TICKS)))):
        left, y = at(0, mib)
        parts.append(f'<line class="axis" x1="{left}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}"/>')
        parts.append(_text(left - 6, y + 4, f"{mib}", anchor="end"))
    parts.append(_text(LEFT - 6, TOP, "MiB", anchor="end"))
    step = _round_step(longest / _TICKS)
    for number in range(int(longest / step) + 1):
        x, y = at(number * step, 0)
        said = f"{number * step:g}{unit if number == 0 else ''}"
        parts.append(_text(x, y + 18, said, anchor="middle"))
    for level in levels:
        left, y = at(0, level.at)
        parts.append(
            f'<line class="level" x1="{left}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}"/>'
        )
        parts.append(_text(WIDTH - RIGHT + 4, y + 4, level.label))
    for curve in curves:
        line = " ".join(f"{x},{y}" for x, y in (at(*point) for point in curve.points))
        parts.append(f'<polyline class="{curve.look}" points="{line}"/>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _round_step(least: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50 …"""
    size = 1.0
    while True:
        for step in (size, 2 * size, 5 * size):
            if step >= least:
                return step
        size *= 10


def _text(x: float, y: float, said: str, look: str = "", anchor: str = "start") -> str:
    kind = f' class="{look}"' if look else ""
    return f'<text{kind} x="{x}" y="{y}" text-anchor="{anchor}">{escape(said)}</text>'
