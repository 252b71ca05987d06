"""The lines of the audit log, by incident."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

from ebpftrace.act.audit.reader import AuditReader
from ebpftrace.act.audit.records import AuditRecordType
from ebpftrace.act.incident.records import Record
from ebpftrace.errors import EbpftraceError, NotPermittedError
from ebpftrace.incidents.ids import is_id
from ebpftrace.text import clean

_TURN = 256  # lines between two turns of others

Lines = list[Record]


def lines_by_incident(
    file: Path, most: int, only: str | None = None
) -> Generator[None, None, dict[str, Lines]]:
    """The incidents in the log, the newest `most` at most, or `only` one.

    Yields where the caller may do something else between. Raises as `AuditReader`, and
    EbpftraceError or NotPermittedError if the log cannot be read.
    """
    found: dict[str, Lines] = {}
    mark = b'"incident":"' + (only or "").encode()
    reading = AuditReader(file, obeyed=True, containing=mark)
    try:
        for number, record in enumerate(reading.records(), 1):
            name = record.get("incident")
            if isinstance(name, str) and is_id(name) and only in (None, name):
                found.setdefault(name, []).append(record)
                if len(found) > most:
                    del found[next(iter(found))]
            if not number % _TURN:
                yield
    except PermissionError as error:
        raise NotPermittedError(
            f"cannot read the audit log {clean(str(file))}", why=str(error.strerror), fix="sudo"
        ) from error
    except OSError as error:
        raise EbpftraceError(
            f"cannot read the audit log {clean(str(file))}",
            why=error.strerror or str(error),
            fix="give the file that was passed to: ebpftrace watch --audit FILE",
        ) from error
    return found


def of_type(lines: Lines, *kinds: AuditRecordType) -> Lines:
    """Those lines, in their order."""
    return [line for line in lines if line.get("type") in kinds]


def time_ns(lines: Lines, facts: Record) -> int | None:
    """When the incident started, Unix time; None if that is not known."""
    for value in (facts.get("time_ns"), *(line.get("unix_ns") for line in lines)):
        # json.loads makes numbers of any size; the clock's end is far enough.
        if isinstance(value, int) and 0 <= value < 1 << 62:
            return value
    return None


def facts_of(lines: Lines) -> Record:
    """The facts in its first line; empty without them."""
    for line in of_type(lines, AuditRecordType.INCIDENT):
        return object_of(line.get("facts"))
    return {}


def object_of(value: Any) -> Record:
    """The value if it is an object, else an empty one: files may have been edited."""
    return value if isinstance(value, dict) else {}
