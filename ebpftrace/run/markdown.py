"""The same as Markdown, with a chart: for a CI system's page of the run."""

from ebpftrace.run.chart import chart
from ebpftrace.run.paragraph import details, sentences
from ebpftrace.run.result import RunResult

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
    if drawn := "\n".join(chart(result.points, result.limit_bytes)):
        parts.append(f"Held memory (anon, shmem and swap):\n\n```text\n{drawn}\n```\n")
    return "\n".join(part for part in parts if part)


def _escaped(text: str) -> str:
    """A process's name must not become a link, a table or HTML."""
    return "".join(f"\\{sign}" if sign in _SPECIAL else sign for sign in text)
