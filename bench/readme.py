"""The section of the README that a run writes: between two markers, and nothing else."""

from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def with_section(text: str, measured: str) -> str:
    """The README with these figures between its markers. ValueError where they are missing."""
    before, begin, rest = text.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the README has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n```text\n{measured}```\n{END}{after}"
