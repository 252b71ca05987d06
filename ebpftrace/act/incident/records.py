"""Steps and outcomes as JSON objects: the same in JSON Lines and in the audit log.

docs/jsonl.md documents every field. Fields are spelled out rather than derived from the
dataclasses, so that renaming an attribute does not change the schema.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ebpftrace.units import NS_PER_SECOND

if TYPE_CHECKING:
    from ebpftrace.act.incident.outcome import Outcome, StepOutcome
    from ebpftrace.events import ProcessKey
    from ebpftrace.jobs.identity import JobIdentity

SCHEMA = 1

Record = dict[str, Any]  # what json.dumps takes


def rfc3339(time_ns: int) -> str:
    """Unix time as RFC 3339 in UTC, to the microsecond: `2026-11-23T12:00:07.000000Z`."""
    seconds, rest = divmod(time_ns, NS_PER_SECOND)
    return f"{to_the_second(seconds)}.{rest // 1000:06d}Z"


@lru_cache(maxsize=4)
def to_the_second(seconds: int) -> str:
    """The same without its end: `2026-11-23T12:00:07`. Several lines are of one second."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def record_head(kind: str, time_ns: int, monotonic_ns: int) -> Record:
    """The fields that every object begins with; `kind` is its `type`."""
    return {
        "schema": SCHEMA,
        "type": kind,
        "time": rfc3339(time_ns),
        "monotonic_ns": monotonic_ns,
    }


def identity_fields(job: JobIdentity) -> Record:
    """A job, without its usage."""
    return {
        "key": job.key,
        "name": job.name,
        "kind": job.kind,
        "identified_by": job.identified_by,
        "cgroup": job.cgroup,
        "cgroup_id": job.cgroup_id,
    }


def key_fields(key: ProcessKey) -> Record:
    """A process: its pid, and the start time that tells it from a later one."""
    return {"pid": key.pid, "start_boottime_ns": key.start_boottime_ns}


def step_record(step: StepOutcome) -> Record:
    """A step of an incident ended."""
    return record_head("step", step.time_ns, step.monotonic_ns) | {
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
    """An incident ended."""
    return record_head("outcome", outcome.time_ns, outcome.monotonic_ns) | {
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
