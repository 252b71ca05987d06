"""A watch as JSON objects, schema 1. `docs/jsonl.md` describes every field."""

from ebpftrace.act.fuse.events import FuseEvent
from ebpftrace.act.incident.outcome import Outcome, StepOutcome
from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import LossNote, Note, OomNote, PressureNote, ProcessNote, Snapshot
from ebpftrace.views.activity import Remark
from ebpftrace.views.fields import (
    Record,
    cost_fields,
    counter_fields,
    finding_fields,
    identity_fields,
    job_fields,
    key_fields,
    rfc3339,
    usage_fields,
)
from ebpftrace.views.start import Started

SCHEMA = 1


def start_record(started: Started) -> Record:
    """The first object of a watch."""
    return _head("start", started.time_ns, started.monotonic_ns) | {
        "version": started.version,
        "watching": started.watching,
        "kernel": started.kernel,
        "cgroups": started.cgroups,
        "interval_ns": started.interval_ns,
        "features": dict(started.features),
        "remarks": list(started.remarks),
    }


def snapshot_record(snapshot: Snapshot) -> Record:
    """The books, once an interval."""
    return _head("snapshot", snapshot.time_ns, snapshot.monotonic_ns) | _books(snapshot)


def end_record(snapshot: Snapshot, reason: str) -> Record:
    """The last object of a watch: why it ended, and every job ever seen."""
    head = _head("end", snapshot.time_ns, snapshot.monotonic_ns)
    return head | {"reason": reason} | _books(snapshot)


def note_record(note: Note) -> Record:
    """What happened between two snapshots."""
    if isinstance(note, LossNote):
        return _head("loss", note.time_ns, note.monotonic_ns) | {
            "cause": note.cause,
            "count": note.count,
            "total": note.total,
        }
    if isinstance(note, ProcessNote):
        return (
            _head("process", note.time_ns, note.monotonic_ns)
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
                "executed": note.executed,
            }
            | counter_fields(note.counters)
        )
    if isinstance(note, OomNote):
        return (
            _head("oom_kill", note.time_ns, note.monotonic_ns)
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
        return _head("pressure", note.time_ns, note.monotonic_ns) | {
            "job": identity_fields(note.job),
            "some_ns": note.some_ns,
            "full_ns": note.full_ns,
            "within_ns": note.within_ns,
        }
    return _head("stall", note.time_ns, note.monotonic_ns) | {
        "job": identity_fields(note.job),
        "stalled_ns": note.stalled_ns,
        "stalls": note.stalls,
    }


def finding_record(finding: Finding) -> Record:
    """The judge said something."""
    head = _head("finding", finding.time_ns, finding.monotonic_ns)
    return head | finding_fields(finding)


def step_record(step: StepOutcome) -> Record:
    """The breaker climbed one rung."""
    return _head("action", step.time_ns, step.monotonic_ns) | {
        "incident": step.incident,
        "policy": step.policy,
        "job": identity_fields(step.job),
        **key_fields(step.process),
        "comm": step.comm,
        "action": step.action,
        "status": step.status.value,
        "detail": step.detail,
        "took_ns": step.took_ns,
    }


def outcome_record(outcome: Outcome) -> Record:
    """An incident is over."""
    return _head("outcome", outcome.time_ns, outcome.monotonic_ns) | {
        "incident": outcome.incident,
        "policy": outcome.policy,
        "job": identity_fields(outcome.job),
        **key_fields(outcome.process),
        "comm": outcome.comm,
        "helped": outcome.helped,
        "canceled": outcome.canceled,
        "freed_bytes": outcome.freed_bytes,
        "took_ns": outcome.took_ns,
        "evidence": outcome.evidence or None,
        "sentence": outcome.sentence,
    }


def fuse_record(news: FuseEvent) -> Record:
    """What became of one process at its fuse."""
    return _head("fuse", news.time_ns, news.monotonic_ns) | {
        "event": news.word.value,
        "policy": news.policy,
        "job": identity_fields(news.job),
        **key_fields(news.process),
        "comm": news.comm,
        "of": news.of.value,
        "held_bytes": news.held_bytes,
        "measured_bytes": news.measured_bytes,
        "bound_bytes": news.bound_bytes,
        "limit_bytes": news.limit_bytes,
        "next_bound_bytes": news.next_bound_bytes,
        "stood_ns": news.stood_ns,
        "then": news.then,
        "sentence": news.sentence,
    }


def remark_record(remark: Remark) -> Record:
    """Something about the watch itself."""
    return _head("remark", remark.time_ns, remark.monotonic_ns) | {"text": remark.text}


def _head(kind: str, time_ns: int, monotonic_ns: int) -> Record:
    return {
        "schema": SCHEMA,
        "type": kind,
        "time": rfc3339(time_ns),
        "monotonic_ns": monotonic_ns,
    }


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
