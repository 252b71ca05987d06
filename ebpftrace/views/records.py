"""A watch as JSON objects, schema 1; `docs/jsonl.md` documents every field.

Steps, outcomes and fuse events are built in `act/incident/records.py` and
`act/fuse/records.py`: the audit log has the same.
"""

from ebpftrace.act.incident.records import (
    Record,
    identity_fields,
    key_fields,
    record_head,
    rfc3339,
)
from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import LossNote, Note, OomNote, PressureNote, ProcessNote, Snapshot
from ebpftrace.views.activity import Remark
from ebpftrace.views.fields import (
    cost_fields,
    counter_fields,
    finding_fields,
    job_fields,
    usage_fields,
)
from ebpftrace.views.start import Started


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
    """The books, once an interval."""
    return record_head("snapshot", snapshot.time_ns, snapshot.monotonic_ns) | _books(snapshot)


def end_record(snapshot: Snapshot, reason: str) -> Record:
    """The last object of a watch: why it ended, and every job ever seen."""
    head = record_head("end", snapshot.time_ns, snapshot.monotonic_ns)
    return head | {"reason": reason} | _books(snapshot)


def note_record(note: Note) -> Record:
    """What happened between two snapshots."""
    if isinstance(note, LossNote):
        return record_head("loss", note.time_ns, note.monotonic_ns) | {
            "cause": note.cause,
            "count": note.count,
            "total": note.total,
        }
    if isinstance(note, ProcessNote):
        return (
            record_head("process", note.time_ns, note.monotonic_ns)
            | {"event": note.event, "job": identity_fields(note.job)}
            | key_fields(note.key)
            | {
                "start_time": rfc3339(note.start_time_ns),
                "parent_pid": note.parent_pid,
                "comm": note.comm,
                "role": note.role,
                "cmdline": note.cmdline,
                "exit_code": note.exit_code,
                "signal": note.signal,
                "replaced_by_exec": note.executed,
            }
            | counter_fields(note.counters)
        )
    if isinstance(note, OomNote):
        return (
            record_head("oom_kill", note.time_ns, note.monotonic_ns)
            | {"job": identity_fields(note.job)}
            | key_fields(note.key)
            | {
                "comm": note.comm,
                "tracked": note.tracked,
                "usage": usage_fields(note.usage),
                "limit_bytes": note.limit_bytes,
            }
        )
    if isinstance(note, PressureNote):
        return record_head("pressure", note.time_ns, note.monotonic_ns) | {
            "job": identity_fields(note.job),
            "some_ns": note.some_ns,
            "full_ns": note.full_ns,
            "period_ns": note.within_ns,
        }
    return record_head("stall", note.time_ns, note.monotonic_ns) | {
        "job": identity_fields(note.job),
        "stalled_ns": note.stalled_ns,
        "stalls": note.stalls,
    }


def finding_record(finding: Finding) -> Record:
    """The judge said something."""
    head = record_head("finding", finding.time_ns, finding.monotonic_ns)
    return head | finding_fields(finding)


def remark_record(remark: Remark) -> Record:
    """Something about the watch itself."""
    return record_head("remark", remark.time_ns, remark.monotonic_ns) | {"text": remark.text}


def _books(snapshot: Snapshot) -> Record:
    return {
        "sequence": snapshot.sequence,
        "elapsed_ns": snapshot.elapsed_ns,
        "watching": snapshot.watching,
        "usage": usage_fields(snapshot.usage),
        "jobs": [job_fields(job) for job in snapshot.jobs],
        "forgotten_jobs": snapshot.forgotten_jobs,
        "node_oom_kills": snapshot.node_oom_kills,
        "losses": dict(snapshot.losses),
        "self": cost_fields(snapshot.cost),
    }
