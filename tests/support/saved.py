"""Past incidents on the disk: lines of an audit log, and folders of evidence."""

import json
from pathlib import Path
from typing import Any

ID = "20261123T120007Z-4711-abcdef"
LATER = "20261123T130000Z-4712-012345"
FACTS: dict[str, Any] = {
    "incident": ID,
    "policy": "leaks",
    "detector": "growth",
    "severity": "critical",
    "sentence": "gopls 4711 gained 312 MiB in 48 s",
    "pid": 4711,
    "comm": "gopls",
    "job": "build-42",
    "job_kind": "github",
    "cgroup": "/ci/build-42",
    "time_ns": 1_795_435_207_250_000_000,
}
_TIME = {"unix_ns": FACTS["time_ns"], "boottime_ns": 1, "boot": "b"}


def line(kind: str, incident: str = ID, **fields: Any) -> dict[str, Any]:
    """A line as the audit log has it."""
    return {"schema": 1, "type": kind, **_TIME, "incident": incident, **fields}


def lines(evidence: Path | None = None, incident: str = ID) -> list[dict[str, Any]]:
    """Those of an incident that was ended by a signal."""
    return [
        line("incident", incident, facts=FACTS | {"incident": incident}),
        line("step_started", incident, action="signal", spends_budget=True),
        line("step", incident, action="signal", status="done", detail="TERM: ended",
             took_ns=2 * 10**9, time="2026-11-23T12:00:08Z"),
        line("outcome", incident, helped=True, canceled=False, sentence="312 MiB are free",
             evidence=None if evidence is None else str(evidence)),
    ]  # fmt: skip


def write_log(file: Path, *records: object) -> Path:
    """An audit log with these lines, and one that a power cut tore."""
    text = "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in records)
    file.write_text(text + '{"torn', encoding="utf-8")
    return file


def save(folder: Path, incident: str = ID, **files: bytes) -> Path:
    """A folder of evidence; `_` in a name stands for a dot."""
    made = folder / incident
    made.mkdir(mode=0o700, parents=True)
    files = files or {"finding_txt": b"it grew\n", "process-smaps": b"x" * 1500}
    named = {name.replace("_", "."): raw for name, raw in files.items()}
    parts = [
        {"name": name, "bytes": len(raw), "cut": False, "error": None}
        for name, raw in named.items()
    ]
    about = {"schema": 1, "complete": True, "facts": FACTS | {"incident": incident}}
    named["manifest.json"] = json.dumps(about | {"parts": parts}).encode()
    for name, raw in named.items():
        (made / name).write_bytes(raw)
        (made / name).chmod(0o600)
    return made
