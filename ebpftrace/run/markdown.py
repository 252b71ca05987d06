"""The same as Markdown, with a chart: for a CI system's page of the run."""

from ebpftrace.ledger.curve import CurveKeeper
from ebpftrace.run.paragraph import details, sentences
from ebpftrace.run.result import RunResult
from ebpftrace.units import NS_PER_SECOND
from ebpftrace.views.dashboard.model.state import WINDOWS_NS
from ebpftrace.views.dashboard.render.chart import chart
from ebpftrace.views.dashboard.render.picture import as_text
from ebpftrace.views.dashboard.render.theme import make_theme, signs_of

_WIDTH, _HEIGHT = 100, 16
_LEAST_POINTS = 3
_MOST_DETAILS = 50
_SPECIAL = "\\`*_{}[]<>()#+-.!|~&"


def markdown(result: RunResult) -> str:
    """A heading, the paragraph, the events and the chart; some tens of kilobytes at most."""
    failed = result.end.code or result.end.signal or result.findings or result.oom_kills
    sign = "⚠️" if failed else "✅"
    code = result.name.replace("`", "'")
    first, *rest = sentences(result)
    ended = first.removeprefix(f"{result.name} ")
    parts = [f"### {sign} ebpftrace: memory of `{code}`\n"]
    parts.append(" ".join([f"It {_escaped(ended)}", *map(_escaped, rest)]) + "\n")
    shown = list(details(result))
    parts.append("".join(f"- {_escaped(one)}\n" for one in shown[:_MOST_DETAILS]))
    if len(shown) > _MOST_DETAILS:
        parts.append(f"- … and {len(shown) - _MOST_DETAILS} more\n")
    if drawn := _chart(result):
        parts.append(f"Held memory (anon, shmem and swap):\n\n```text\n{drawn}```\n")
    return "\n".join(part for part in parts if part)


def _chart(result: RunResult) -> str:
    """The last quarter of an hour: an update a second."""
    if len(result.points) < _LEAST_POINTS:
        return ""
    keeper = CurveKeeper()
    for at_ns, held_bytes in result.points:
        keeper.add(at_ns, held_bytes)
    span = result.points[-1][0] - result.points[0][0] + NS_PER_SECOND
    window = next((one for one in WINDOWS_NS if one >= span), WINDOWS_NS[-1])
    theme = make_theme(None, signs_of("utf-8", ""))
    lines = chart(keeper.curve(), window, result.limit_bytes, _WIDTH, _HEIGHT, theme)
    return as_text(lines)


def _escaped(text: str) -> str:
    """A process's name must not become a link, a table or HTML."""
    return "".join(f"\\{sign}" if sign in _SPECIAL else sign for sign in text)
