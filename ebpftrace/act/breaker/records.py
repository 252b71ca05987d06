"""What is told of a step and of an incident: to views as outcomes, to the log as records."""

from typing import Any

from ebpftrace.act.actions.support.running import Ended
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import Outcome, StepOutcome
from ebpftrace.act.process.undo import Undo
from ebpftrace.text import clean

_OUTPUT = 4096  # characters of a hook's output that the log keeps: its end


def step_outcome(
    incident: Incident, action: str, ended: Ended, left: str, *, began_ns: int, now_ns: int
) -> StepOutcome:
    """A step that is over now; `left` is what could not be stopped."""
    return StepOutcome(
        incident=incident.id,
        policy=incident.policy,
        job=incident.job,
        process=incident.target.key,
        comm=incident.comm,
        action=action,
        status=ended.status,
        detail=f"{ended.detail}; {left}" if left else ended.detail,
        began_ns=began_ns,
        took_ns=now_ns - began_ns,
        monotonic_ns=now_ns,
        time_ns=incident.unix_ns(now_ns),
    )


def step_record(
    outcome: StepOutcome, output: bytes, undo: Undo | None, *, refunded: bool
) -> dict[str, Any]:
    """The same for the log, with what the next start may need."""
    return {
        "type": "step",
        "action": outcome.action,
        "status": outcome.status.value,
        "detail": outcome.detail,
        "took_ns": outcome.took_ns,
        "output": output.decode("utf-8", "replace")[-_OUTPUT:],
        "refunded": refunded,
        "undo": None if undo is None else undo.record(),
    }


def incident_outcome(
    incident: Incident,
    sentence: str,
    *,
    helped: bool,
    freed_bytes: int,
    now_ns: int,
    canceled: bool = False,
) -> Outcome:
    """An incident that is over now."""
    return Outcome(
        incident=incident.id,
        policy=incident.policy,
        job=incident.job,
        process=incident.target.key,
        comm=incident.comm,
        helped=helped,
        canceled=canceled,
        freed_bytes=freed_bytes,
        took_ns=now_ns - incident.began_ns,
        sentence=sentence,
        evidence="" if incident.evidence is None else clean(str(incident.evidence)),
        monotonic_ns=now_ns,
        time_ns=incident.unix_ns(now_ns),
    )


def outcome_record(outcome: Outcome, *, undone: bool) -> dict[str, Any]:
    """The same for the log."""
    return {
        "type": "outcome",
        "helped": outcome.helped,
        "canceled": outcome.canceled,
        "freed_bytes": outcome.freed_bytes,
        "took_ns": outcome.took_ns,
        "sentence": outcome.sentence,
        "undone": undone,
    }
