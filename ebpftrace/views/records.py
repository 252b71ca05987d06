"""A watch as JSON objects, schema 1; `docs/jsonl.md` documents every field.

Steps, outcomes and fuse events are built in `act/incident/records.py` and
`act/fuse/records.py`: the audit log has the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ebpftrace.act.incident.records import (
    Record,
    record_head,
)
from ebpftrace.ledger import JobSnapshot, Note, Snapshot
from ebpftrace.views.fields import (
    cost_fields,
    finding_fields,
    job_fields,
    usage_fields,
)
from ebpftrace.views.notes import note_format
from ebpftrace.views.start import Remark, Started

if TYPE_CHECKING:
    from ebpftrace.judge.finding import Finding


def start_record(started: Started) -> Record:
    """The first object of a watch."""
    return record_head("start", started.time_ns, started.monotonic_ns) | {
        "version": started.version,
        "watching": started.watching,
        "kernel": started.kernel,
        "cgroups": started.cgroups,
        "interval_ns": started.interval_ns,
        "features": {name.replace(" ", "_"): how for name, how in started.features},
        "remarks": list(started.remarks),
    }


def snapshot_record(snapshot: Snapshot) -> Record:
    """A snapshot, once an interval."""
    return record_head("snapshot", snapshot.time_ns, snapshot.monotonic_ns) | _account(snapshot)


def changes_record(
    snapshot: Snapshot, since: int, changed: Sequence[JobSnapshot], gone: Sequence[str]
) -> Record:
    """A snapshot, with those of its jobs that changed since the one numbered `since`.

    `gone` are the keys of jobs that are not in it any more.
    """
    head = record_head("changes", snapshot.time_ns, snapshot.monotonic_ns)
    return head | {"since": since, "gone": list(gone)} | _account(snapshot, changed)


def end_record(snapshot: Snapshot, reason: str) -> Record:
    """The last object of a watch: why it ended, and every job ever seen."""
    head = record_head("end", snapshot.time_ns, snapshot.monotonic_ns)
    return head | {"reason": reason} | _account(snapshot)


def note_record(note: Note) -> Record:
    """What happened between two snapshots."""
    form = note_format(note)
    return record_head(form.kind, note.time_ns, note.monotonic_ns) | form.fields(note)


def finding_record(finding: Finding) -> Record:
    """The judge said something."""
    head = record_head("finding", finding.time_ns, finding.monotonic_ns)
    return head | finding_fields(finding)


def remark_record(remark: Remark) -> Record:
    """Something about the watch itself."""
    return record_head("remark", remark.time_ns, remark.monotonic_ns) | {"text": remark.text}


def _account(snapshot: Snapshot, jobs: Sequence[JobSnapshot] | None = None) -> Record:
    """`jobs` are those to be listed: all, unless some are given."""
    listed = snapshot.jobs if jobs is None else jobs
    return {
        "sequence": snapshot.sequence,
        "elapsed_ns": snapshot.elapsed_ns,
        "watching": snapshot.watching,
        "usage": usage_fields(snapshot.usage),
        "jobs": [job_fields(job, snapshot.monotonic_ns) for job in listed],
        "forgotten_jobs": snapshot.forgotten_jobs,
        "node_oom_kills": snapshot.node_oom_kills,
        "losses": dict(snapshot.losses),
        "self": cost_fields(snapshot.cost),
    }
