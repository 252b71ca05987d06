"""`ebpftrace audit`: what the breaker decided and did, for people."""

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from ebpftrace.act.audit.log import DEFAULT_FILE
from ebpftrace.act.audit.reader import AuditReader
from ebpftrace.errors import EbpftraceError, GoneError
from ebpftrace.text import clean, wrap
from ebpftrace.units import NS_PER_SECOND, format_duration

_LONGEST = 600

Record = dict[str, Any]


@click.command(
    epilog="""
    \b
    Examples:
      sudo ebpftrace audit
      sudo ebpftrace audit --last 5
      sudo jq -c 'select(.type == "outcome")' /var/log/ebpftrace/audit.jsonl

    Each line of the log is one JSON object; older ones are in FILE.1 to FILE.3.
    """
)
@click.argument(
    "file", required=False, default=DEFAULT_FILE, metavar="[FILE]",
    type=click.Path(path_type=Path, readable=False),
)  # fmt: skip
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="The last N entries.")
def audit(file: Path, last: int | None) -> None:
    """Show the incidents of an audit log: breach, steps, outcome."""
    name = clean(os.fsencode(file))
    reading = AuditReader(file)
    try:
        if not file.exists():
            raise GoneError(
                f"there is no audit log {name}",
                why="no watch with a policy has run here",
                fix="name the file that was given to: ebpftrace watch --audit FILE",
            )
        incidents = gather(reading.records())
    except OSError as error:
        raise EbpftraceError(
            f"cannot read the audit log {name}",
            why=error.strerror or str(error),
            fix="name a file that was given to: ebpftrace watch --audit FILE, as root",
        ) from error
    shown = incidents[-last:] if last else incidents
    for incident in shown:
        click.echo("\n".join(incident_lines(incident)) + "\n")
    told = _count(len(incidents), "entry", "entries")
    if last:
        told = f"the last {len(shown)} of {told}"
    if reading.torn:
        told += f", {_count(reading.torn, 'torn line', 'torn lines')} passed over"
    click.echo("\n".join(_wrapped(f"{told}: {name}")))


def gather(records: Iterable[Record]) -> list[list[Record]]:
    """The records of each incident together, in the order they began.

    What was held back, and what a fuse did, is by itself: it is no incident.
    """
    found: dict[str, list[Record]] = {}
    for number, record in enumerate(records):
        key = record.get("incident") or f"by itself {number}"
        found.setdefault(str(key), []).append(record)
    return list(found.values())


def incident_lines(records: list[Record]) -> Iterator[str]:
    """One incident in lines of 80 columns. Fields that are missing are left out."""
    first = records[0]
    when = _time(first)
    if first.get("type") == "held_back":
        told = f"held back by {_text(first, 'policy')}: {_text(first, 'why')}"
        yield from _wrapped(f"{when}  {told}")
        yield from _wrapped(_text(first, "sentence"), "    ")
        return
    if first.get("type") == "fuse":
        told = f"{_text(first, 'word')} in {_text(first, 'job')}"
        yield from _wrapped(f"{when}  fuse of {_text(first, 'policy')}: {told}")
        yield from _wrapped(_text(first, "sentence"), "    ")
        return
    facts = first.get("facts")
    known = facts if isinstance(facts, dict) else {}
    yield from _wrapped(f"{when}  {_text(first, 'incident')}, policy {_text(known, 'policy')}")
    yield from _wrapped(_text(known, "sentence"), "    ")
    for record in records:
        yield from _step_lines(record)


def _step_lines(record: Record) -> Iterator[str]:
    kind = record.get("type")
    if kind == "step":
        status = _text(record, "status").replace("_", " ")
        took = record.get("took_ns")
        after = f" in {format_duration(took)}" if isinstance(took, int) else ""
        head = f"{_text(record, 'action')}: {status}{after}: {_text(record, 'detail')}"
        yield from _wrapped(head, "    ")
    elif kind == "outcome":
        helped = "helped" if record.get("helped") is True else "NOT helped"
        if record.get("canceled") is True:
            helped = "called off"
        yield from _wrapped(f"{helped}: {_text(record, 'sentence')}", "    ")
    elif kind == "abandoned":
        undone = "" if record.get("undone") is True else f": {_text(record, 'detail')}"
        yield from _wrapped(f"abandoned: ebpftrace ended before it was over{undone}", "    ")


def _wrapped(text: str, indent: str = "") -> list[str]:
    return wrap(text, first=indent, following=indent + "  ")


def _text(record: Record, name: str) -> str:
    """A field, cleaned again: anyone may have written to the file."""
    return clean(str(record.get(name, "?")), _LONGEST)


def _time(record: Record) -> str:
    unix_ns = record.get("unix_ns")
    if not isinstance(unix_ns, int) or not 0 <= unix_ns < 1 << 62:
        return "?"
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_ns // NS_PER_SECOND))


def _count(number: int, one: str, many: str) -> str:
    return f"1 {one}" if number == 1 else f"{number:,} {many}"
