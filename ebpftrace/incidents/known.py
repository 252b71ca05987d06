"""One incident as a JSON object: what happened, what was done, and what was saved.

docs/incidents.md documents every field.
"""

import math

from ebpftrace.act.audit.records import AuditRecordType
from ebpftrace.act.incident.records import Record, rfc3339
from ebpftrace.incidents.evidence import Evidence
from ebpftrace.incidents.logged import Lines, facts_of, object_of, of_type, time_ns
from ebpftrace.text import PATH_LIMIT, clean

SCHEMA = 1
_MAX_TEXT = 4096
_FACTS = ("policy", "job", "job_kind", "cgroup", "comm", "pid", "detector", "severity")
_STEP = ("action", "status", "detail", "took_ns")


def summary_of(incident: str, lines: Lines, evidence: Evidence | None) -> Record:
    """What a list has. UntrustedError, OSError if the evidence cannot be read."""
    manifest = {} if evidence is None else evidence.manifest()
    facts = facts_of(lines) or object_of(manifest.get("facts"))
    began_ns = time_ns(lines, facts)
    ended = of_type(lines, AuditRecordType.OUTCOME)
    return {
        "incident": incident,
        "time": None if began_ns is None else rfc3339(began_ns),
        **{name: _scalar(facts.get(name)) for name in _FACTS},
        "sentence": _scalar(facts.get("sentence")),
        "result": result_of(lines),
        "outcome": _scalar(ended[-1].get("sentence")) if ended else None,
        "evidence": None if evidence is None else _evidence(evidence, manifest),
    }


def details_of(incident: str, lines: Lines, evidence: Evidence | None) -> Record:
    """The summary, with the steps, the facts and the parts of the evidence."""
    known = summary_of(incident, lines, evidence)
    manifest = {} if evidence is None else evidence.manifest()
    steps = of_type(lines, AuditRecordType.STEP)
    known["steps"] = [
        {"time": _scalar(step.get("time")), **{name: _scalar(step.get(name)) for name in _STEP}}
        for step in steps
    ]
    facts = facts_of(lines) or object_of(manifest.get("facts"))
    known["facts"] = {clean(name): _value(value) for name, value in facts.items()}
    if known["evidence"] is not None:
        known["evidence"]["parts"] = _parts(manifest)
    return known


def result_of(lines: Lines) -> str:
    """`helped`, `not_helped`, `canceled`, `abandoned`; `unfinished`, or `unknown` without
    lines in the log."""
    for ended in reversed(of_type(lines, AuditRecordType.OUTCOME)):
        if ended.get("canceled") is True:
            return "canceled"
        return "helped" if ended.get("helped") is True else "not_helped"
    if of_type(lines, AuditRecordType.ABANDONED):
        return "abandoned"
    return "unfinished" if lines else "unknown"


def _evidence(evidence: Evidence, manifest: Record) -> Record:
    files = evidence.files()
    return {
        "folder": clean(str(evidence.path), PATH_LIMIT),
        "complete": manifest.get("complete") is True,
        "files": len(files),
        "bytes": sum(file.size_bytes for file in files),
    }


def _parts(manifest: Record) -> list[Record]:
    parts = manifest.get("parts")
    found = [object_of(part) for part in parts] if isinstance(parts, list) else []
    names = ("name", "bytes", "cut", "error")
    return [{name: _scalar(part.get(name)) for name in names} for part in found]


def _value(value: object) -> object:
    return list(map(_scalar, value)) if isinstance(value, list) else _scalar(value)


def _scalar(value: object) -> object:
    """A text cleaned again, a number, or null: files may have been edited."""
    if isinstance(value, str):
        return clean(value, _MAX_TEXT)
    if isinstance(value, float) and not math.isfinite(value):
        return None  # which JSON has no form for
    return value if isinstance(value, int | float | None) else None
