"""`ebpftrace audit`: prints an audit log for people."""

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from ebpftrace.act.audit.place import DEFAULT_FILE
from ebpftrace.act.audit.reader import AuditReader
from ebpftrace.act.audit.records import AuditRecordType
from ebpftrace.act.incident.records import Record
from ebpftrace.errors import EbpftraceError, GoneError
from ebpftrace.text import clean, wrap
from ebpftrace.units import NS_PER_SECOND, format_duration

_MAX_FIELD = 600  # characters


@click.command(
    epilog="""
    \b
    Examples:
      sudo ebpftrace audit
      sudo ebpftrace audit --last 5
      sudo jq -c 'select(.type == "outcome")' /var/log/ebpftrace/audit.jsonl

    Each line of the log is a JSON object; older lines are in FILE.1 to FILE.3.
    """
)
@click.argument(
    "file", required=False, default=DEFAULT_FILE, metavar="[FILE]",
    type=click.Path(path_type=Path, readable=False),
)  # fmt: skip
@click.option(
    "--last", type=click.IntRange(min=1), metavar="N", help="Show the last N entries."
)
def audit(file: Path, last: int | None) -> None:
    """Show an audit log: each incident with its steps and outcome."""
    name = clean(os.fsencode(file))
    reading = AuditReader(file)
    try:
        if not file.exists():
            raise GoneError(
                f"there is no audit log {name}",
                why="no watch with a policy has run here",
                fix="give the file that was passed to: ebpftrace watch --audit FILE",
            )
        incidents = gather(reading.records())
    except OSError as error:
        raise EbpftraceError(
            f"cannot read the audit log {name}",
            why=error.strerror or str(error),
            fix="as root, give the file that was passed to: ebpftrace watch --audit FILE",
        ) from error
    shown = incidents[-last:] if last else incidents
    for incident in shown:
        click.echo("\n".join(incident_lines(incident)) + "\n")
    summary = _count(len(incidents), "entry", "entries")
    if last:
        summary = f"the last {len(shown)} of {summary}"
    if reading.torn:
        summary += f", {_count(reading.torn, 'torn line', 'torn lines')} skipped"
    click.echo("\n".join(_wrapped(f"{summary}: {name}")))


def gather(records: Iterable[Record]) -> list[list[Record]]:
    """Group the records by incident, in the order the incidents started.

    A suppressed firing and a fuse event belong to none: each is a group of its own.
    """
    groups: dict[str, list[Record]] = {}
    for number, record in enumerate(records):
        key = record.get("incident") or f"record {number}"
        groups.setdefault(str(key), []).append(record)
    return list(groups.values())


def incident_lines(records: list[Record]) -> Iterator[str]:
    """One group in lines of 80 columns; a missing field is "?"."""
    first = records[0]
    when = _time(first)
    match first.get("type"):
        case AuditRecordType.SUPPRESSED:
            text = f"policy {_text(first, 'policy')} suppressed: {_text(first, 'reason')}"
            yield from _wrapped(f"{when}  {text}")
            yield from _wrapped(_text(first, "sentence"), "    ")
            return
        case AuditRecordType.FUSE:
            text = f"{_text(first, 'event')} in {_text(_object(first, 'job'), 'name')}"
            yield from _wrapped(f"{when}  fuse of {_text(first, 'policy')}: {text}")
            yield from _wrapped(_text(first, "sentence"), "    ")
            return
    facts = _object(first, "facts")
    yield from _wrapped(f"{when}  {_text(first, 'incident')}, policy {_text(facts, 'policy')}")
    yield from _wrapped(_text(facts, "sentence"), "    ")
    for record in records:
        yield from _step_lines(record)


def _step_lines(record: Record) -> Iterator[str]:
    match record.get("type"):
        case AuditRecordType.STEP:
            status = _text(record, "status").replace("_", " ")
            took = record.get("took_ns")
            after = f" in {format_duration(took)}" if isinstance(took, int) else ""
            head = f"{_text(record, 'action')}: {status}{after}: {_text(record, 'detail')}"
            yield from _wrapped(head, "    ")
        case AuditRecordType.OUTCOME:
            helped = "helped" if record.get("helped") is True else "NOT helped"
            if record.get("canceled") is True:
                helped = "called off"
            yield from _wrapped(f"{helped}: {_text(record, 'sentence')}", "    ")
        case AuditRecordType.ABANDONED:
            failed = ""
            if record.get("restored") is not True:
                failed = f"; not restored: {_text(record, 'detail')}"
            text = f"abandoned: ebpftrace ended before the incident did{failed}"
            yield from _wrapped(text, "    ")


def _wrapped(text: str, indent: str = "") -> list[str]:
    return wrap(text, first=indent, following=indent + "  ")


def _object(record: Record, name: str) -> Record:
    """A field that is an object; empty if it is none."""
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def _text(record: Record, name: str) -> str:
    """A field, cleaned again: the file may have been edited."""
    return clean(str(record.get(name, "?")), _MAX_FIELD)


def _time(record: Record) -> str:
    unix_ns = record.get("unix_ns")
    if not isinstance(unix_ns, int) or not 0 <= unix_ns < 1 << 62:
        return "?"
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_ns // NS_PER_SECOND))


def _count(number: int, singular: str, plural: str) -> str:
    return f"1 {singular}" if number == 1 else f"{number:,} {plural}"
