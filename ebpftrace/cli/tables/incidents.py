"""What `ebpftrace incidents` prints for people, in 80 columns."""

from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from rich.text import Text

from ebpftrace.cli.tables.table import new_table, print_table
from ebpftrace.text import clean, wrap
from ebpftrace.units import format_bytes, format_duration

_RESULTS = {
    "helped": ("helped", "green"),
    "not_helped": ("NOT helped", "red"),
    "canceled": ("called off", "dim"),
    "abandoned": ("abandoned", "red"),
    "unfinished": ("unfinished", "yellow"),
    "unknown": ("?", "dim"),
}
_UNKNOWN = ("?", "dim")


def print_incidents(found: Sequence[dict[str, Any]], out: TextIO) -> None:
    """A row for each."""
    if not found:
        out.write("no incident was recorded yet\n")
        return
    table = new_table("INCIDENT", "JOB", "RESULT", "EVIDENCE", stretched="JOB")
    for one in found:
        table.add_row(
            one["incident"],
            Text(_text(one["job"])),
            Text(*_RESULTS.get(one["result"], _UNKNOWN)),
            format_bytes(one["evidence"]["bytes"]) if one["evidence"] else "none",
        )
    print_table(table, out)


def print_incident(one: dict[str, Any], out: TextIO) -> None:
    """Lines of 80 columns."""
    out.write("\n".join(_lines(one)) + "\n")


def _lines(one: dict[str, Any]) -> Iterator[str]:
    yield from _wrapped(f"{_text(one['incident'])}, policy {_text(one['policy'])}")
    job = f"job {_text(one['job'])} ({_text(one['job_kind'])}) in {_text(one['cgroup'])}"
    yield from _wrapped(f"{_text(one['time'])}  {job}")
    yield from _wrapped(_text(one["sentence"]), "  ")
    for step in one["steps"]:
        took = step["took_ns"]
        after = f" in {format_duration(took)}" if isinstance(took, int) and took >= 0 else ""
        status = _text(step["status"]).replace("_", " ")
        head = f"{_text(step['action'])}: {status}{after}: {_text(step['detail'])}"
        yield from _wrapped(head, "  ")
    result, _ = _RESULTS.get(one["result"], _UNKNOWN)
    tail = f": {_text(one['outcome'])}" if one["outcome"] else ""
    yield from _wrapped(f"{result}{tail}", "  ")
    yield from _evidence(one["evidence"])


def _evidence(evidence: dict[str, Any] | None) -> Iterator[str]:
    if evidence is None:
        yield "no evidence was saved, or it was removed for newer one"
        return
    whole = "" if evidence["complete"] else ", not complete"
    size = f"{evidence['files']} files, {format_bytes(evidence['bytes'])}{whole}"
    yield from _wrapped(f"evidence: {size}, in {evidence['folder']}")
    for part in evidence["parts"]:
        size = format_bytes(part["bytes"]) if isinstance(part["bytes"], int) else "?"
        cut = " (cut)" if part["cut"] else ""
        failed = f"  failed: {_text(part['error'])}" if part["error"] else ""
        yield from _wrapped(f"{_text(part['name']):<32}{size:>10}{cut}{failed}", "  ")


def _wrapped(text: str, indent: str = "") -> list[str]:
    return wrap(text, first=indent, following=indent + "  ")


def _text(value: object) -> str:
    return "?" if value is None else clean(str(value), 600)
