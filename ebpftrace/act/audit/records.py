"""The lines of the audit log, as JSON objects.

A step, an outcome and a fuse event are written as in JSON Lines, with the fields that only
the next start of ebpftrace needs. docs/policy.md documents them.
"""

from enum import StrEnum
from typing import Any

from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.audit.budget import Moment
from ebpftrace.act.fuse.events import FuseEvent
from ebpftrace.act.fuse.lines import HeldBack
from ebpftrace.act.fuse.records import fuse_record
from ebpftrace.act.incident.incident import Incident, facts
from ebpftrace.act.incident.outcome import Outcome, StepOutcome
from ebpftrace.act.incident.records import (
    Record,
    identity_fields,
    outcome_record,
    record_head,
    step_record,
)
from ebpftrace.act.process.undo import Undo
from ebpftrace.act.trigger.trigger import Firing

_MAX_OUTPUT = 4096  # characters; the end of a hook's output is what explains its exit


class AuditRecordType(StrEnum):
    """The `type` of a line."""

    INCIDENT = "incident"
    STEP_STARTED = "step_started"
    STEP = "step"
    OUTCOME = "outcome"
    ABANDONED = "abandoned"
    SUPPRESSED = "suppressed"
    FUSE = "fuse"


def incident_record(incident: Incident) -> Record:
    """An incident starts; `account` is what its job's budget is kept by."""
    head = record_head(AuditRecordType.INCIDENT, incident.time_ns, incident.began_ns)
    return head | {
        "incident": incident.id,
        "account": incident.job.account,
        "cgroup_account": incident.job.place_account,
        "facts": facts(incident),
    }


def step_started_record(incident: Incident, action: Action[Any], now_ns: int) -> Record:
    """A step is about to start. `now_ns` is CLOCK_MONOTONIC."""
    return record_head(AuditRecordType.STEP_STARTED, incident.unix_ns(now_ns), now_ns) | {
        "incident": incident.id,
        "action": action.name,
        "spends_budget": action.spends_budget,
    }


def ended_step_record(
    outcome: StepOutcome, output: bytes, undo: Undo | None, *, refunded: bool
) -> Record:
    """A step ended. `refunded`: nothing was ended, so it is off the budget again."""
    return step_record(outcome) | {
        "output": output.decode("utf-8", "replace")[-_MAX_OUTPUT:],
        "refunded": refunded,
        "undo": None if undo is None else undo.record(),
    }


def ended_incident_record(outcome: Outcome, *, restored: bool) -> Record:
    """An incident ended. `restored`: every temporary change was undone."""
    return outcome_record(outcome) | {"restored": restored}


def abandoned_record(incident: str, detail: str, moment: Moment, monotonic_ns: int) -> Record:
    """An incident that a previous run left unfinished; `detail` is what was not undone."""
    head = record_head(AuditRecordType.ABANDONED, moment.unix_ns, monotonic_ns)
    return head | {"incident": incident, "restored": not detail, "detail": detail}


def suppressed_record(
    firing: Firing, reason: str, *, unlogged: int = 0, elsewhere: int = 0
) -> Record:
    """A policy's conditions hold for a job, and no incident starts.

    `unlogged` firings of this policy in this cgroup have had no line since the last one, nor
    had so many `elsewhere`.
    """
    finding = firing.finding
    head = record_head(AuditRecordType.SUPPRESSED, finding.time_ns, finding.monotonic_ns)
    return head | {
        "policy": firing.policy.name,
        "job": identity_fields(finding.subject.job),
        "sentence": finding.sentence,
        "reason": reason,
        "unlogged": unlogged,
        "unlogged_elsewhere": elsewhere,
    }


def held_back_record(held_back: HeldBack) -> Record:
    """Stops that have no line of their own, in the form of firings that start no incident."""
    last = held_back.last
    head = record_head(AuditRecordType.SUPPRESSED, last.time_ns, last.monotonic_ns)
    return head | {
        "policy": last.policy,
        "job": identity_fields(last.job),
        "sentence": last.sentence,
        "reason": held_back.sentence,
        "unlogged": held_back.stops,
        "unlogged_elsewhere": held_back.elsewhere,
    }


def logged_fuse_record(event: FuseEvent) -> Record:
    """A fuse event; `account` is what its job's budget is kept by."""
    accounts = {"account": event.job.account, "cgroup_account": event.job.place_account}
    return fuse_record(event) | accounts
