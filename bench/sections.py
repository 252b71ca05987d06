"""The sections that a run writes into docs/performance.md, and the summary in the README."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
PAGE, README = _ROOT / "docs" / "performance.md", _ROOT / "README.md"
COSTS, LATENCY, RACE = "bench", "bench latency", "bench race"
FLOODS, HISTORY, STORMS = "bench floods", "bench history", "bench storms"
MANY, RUN, AMPLIFICATION = "bench many", "bench run", "bench amplification"
SERVE, SERVICE, FLEET = "bench serve", "bench churn scrapes", "bench fleet"
"""The sections of the page, by the name in their markers."""

SUMMARY = "bench summary"
"""The section of the README."""


@dataclass(frozen=True, slots=True)
class _Quote:
    """One line of the summary, taken from a row of the page. `cell`: which of its cells."""

    label: str
    table: str  # how the table's title begins
    row: str  # how the row begins
    cell: str  # "median", "last" (the ratio or the score)
    unit: str = ""
    beside: str = ""  # the row of what it replaces; "" for none


_QUOTES = (
    _Quote("Breach to the hook's first instruction", "latency: breach to the hook's first "
           "instruction, no load", "ebpftrace: the hook at once", "median", " ms",
           "shell guard, once a second"),
    _Quote("Saved from the OOM killer with a fuse", "race: ", "ebpftrace with a fuse", "last",
           "", "shell guard, once a second"),
    _Quote("Saved from the OOM killer by a hook alone", "race: ", "ebpftrace, a hook alone",
           "last", "", "shell guard, every 10 ms"),
    _Quote("First figures after the start", "start: process start", "ebpftrace watch", "median",
           " s", "bpftrace -e"),
    _Quote("Resident memory of the dashboard, with nothing to watch", "rss: ",
           "ebpftrace --output table", "median", " MiB", "bpftrace counting"),
    _Quote("First touch of a page, process not watched", "touch: ",
           "ebpftrace watching others", "last", "", "bpftrace counting"),
    _Quote("First touch of a page, process watched", "touch: ", "ebpftrace watching it", "last",
           "", "bpftrace counting"),
    _Quote("A system call that has nothing to do with memory", "getppid: ",
           "ebpftrace watching others", "last", "", "bpftrace counting"),
    _Quote("Wall time of gopls on a large module", "gopls: wall time", "ebpftrace watch",
           "last"),
)  # fmt: skip


def with_section(text: str, section: str, measured: str) -> str:
    """The page with these figures between its markers. ValueError where they are missing."""
    return between(text, section, f"```text\n{measured}```\n")


def with_summary(readme: str, page: str) -> str:
    """The README with a summary of the page's figures. ValueError without markers or rows."""
    lines = ["| | ebpftrace | beside it |", "| --- | --- | --- |"]
    for quote in _QUOTES:
        rows = dict(_rows(page, quote.table))
        mine = _cell(rows, quote, quote.row)
        theirs = _cell(rows, quote, quote.beside) if quote.beside else "without ebpftrace: 1"
        if quote.beside:
            theirs = f"{quote.beside.removesuffix(' -e')}: {theirs}"
        lines.append(f"| {quote.label} | {mine} | {theirs} |")
    return between(readme, SUMMARY, "\n".join(lines) + "\n")


def _cell(rows: dict[str, tuple[str, str]], quote: _Quote, begins: str) -> str:
    for label, (median, last) in rows.items():
        if label.startswith(begins):
            return (median if quote.cell == "median" else last) + quote.unit
    raise ValueError(f"the page has no row {begins!r} in the table {quote.table!r}")


def _rows(page: str, title: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """(label, (median, last cell)) of each row of the table whose title begins like that."""
    at = page.find(f"\n{title}")
    table = page[at + 1 :].partition("\n\n")[0] if at >= 0 else ""
    for line in table.splitlines():
        row = re.fullmatch(r"  (\S.*?) {2,}(\S+) +\S+ – \S+(?: +(\S+))?", line)
        if row is not None:
            yield row[1], (row[2], row[3] or "1")
        elif score := re.fullmatch(r"  (\S.*): saved (\S+)", line):
            yield score[1], ("", score[2])


def between(text: str, section: str, new: str) -> str:
    """The page with `new` between the markers of the section. ValueError without them."""
    opening, closing = (f"<!-- {section}: {which} -->" for which in ("begin", "end"))
    before, begin, rest = text.partition(opening)
    _old, end, after = rest.partition(closing)
    if not (begin and end):
        raise ValueError(f"there is no {opening} … {closing}")
    return f"{before}{begin}\n{new}{end}{after}"
