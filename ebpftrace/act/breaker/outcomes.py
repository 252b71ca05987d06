"""Builds the outcome of a step and of an incident, with the sentence for people."""

from collections.abc import Sequence

from ebpftrace.act.actions.support.running import Ended
from ebpftrace.act.breaker.recovery_check import RecoveryCheck
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import Outcome, StepOutcome
from ebpftrace.text import clean
from ebpftrace.units import format_bytes, format_duration


def step_outcome(
    incident: Incident, action: str, ended: Ended, left: str, *, began_ns: int, now_ns: int
) -> StepOutcome:
    """A step that ends at `now_ns`; `left` is what could not be stopped."""
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
        after_breach_ns=max(0, began_ns - incident.began_ns),
    )


def incident_outcome(
    incident: Incident,
    sentence: str,
    not_restored: Sequence[str],
    *,
    helped: bool,
    freed_bytes: int,
    now_ns: int,
    canceled: bool = False,
) -> Outcome:
    """An incident that ends at `now_ns`; `not_restored` are the failures to undo a change."""
    if not_restored:
        sentence += f"; not restored: {', '.join(not_restored)}"
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


def recovered(incident: Incident, check: RecoveryCheck, now_ns: int) -> str:
    """`1.5 GiB freed in 8.0s: gopls 4711 is gone, its successor 4802 is steady`."""
    took = format_duration(now_ns - incident.began_ns)
    freed = f"{format_bytes(check.freed_bytes)} freed in {took}"
    name = incident.target_name
    if incident.other_targets:
        if not check.gone_ns:
            return f"{freed}: {name} still run and hold less"
        if check.successor is None:
            return f"{freed}: {name} are gone, no successor came"
        return f"{freed}: {name} are gone, their successors hold less"
    if not check.gone_ns:
        return f"{freed}: {name} still runs and holds less"
    if check.successor is None:
        return f"{freed}: {name} is gone, no successor came"
    return f"{freed}: {name} is gone, its successor {check.successor.pid} is steady"


def unverified(incident: Incident, reason: str) -> str:
    """`gopls 4711: the watch ended before it was known whether that helped`."""
    return f"{incident.target_name}: {reason} before it was known whether that helped"


def not_recovered(
    incident: Incident, check: RecoveryCheck | None, *, acted: bool, reason: str
) -> str:
    """`GIVEN UP: …` once the ladder is at its end and memory is as high as before."""
    name, because = incident.target_name, f": {reason}" if reason else ""
    if not acted:
        return f"{name}: nothing was done{because}"
    if check is not None and check.gone_ns and check.successor is None and not check.is_down:
        are = "are" if incident.other_targets else "is"
        held = f"{format_bytes(incident.job_held_bytes)} and still holds"
        return (
            f"GIVEN UP: {name} {are} gone, but memory did not come down: the job held "
            f"{held} {format_bytes(check.held_bytes)}"
        )
    return f"GIVEN UP: nothing helped against {name}{because}"
