"""The sections of the README that a run writes: each between two markers, and nothing else."""

from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
COSTS, LATENCY, RACE = "bench", "bench latency", "bench race"
"""The sections, by what their markers are called."""


def with_section(text: str, section: str, measured: str) -> str:
    """The README with these figures between its markers. ValueError where they are missing."""
    opening, closing = (f"<!-- {section}: {which} -->" for which in ("begin", "end"))
    before, begin, rest = text.partition(opening)
    _old, end, after = rest.partition(closing)
    if not (begin and end):
        raise ValueError(f"the README has no {opening} … {closing}")
    return f"{before}{begin}\n```text\n{measured}```\n{end}{after}"
