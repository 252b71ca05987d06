"""Fuse events and their sentences, from the kernel's event and the ledger."""

from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.act.policy.fuse import Fuse, FuseEnd
from ebpftrace.act.policy.policy import Policy
from ebpftrace.events import FuseBlown, FuseScope
from ebpftrace.judge import words
from ebpftrace.judge.finding import Finding, FindingUnit, Severity, Subject
from ebpftrace.ledger import KnownProcess
from ebpftrace.units import format_duration

_ROUNDING = 1.01  # to pages, and to whole batches of them

_USAGE = {
    FuseScope.PROCESS: "it holds",
    FuseScope.JOB: "its job holds",
    FuseScope.CHARGE: "its cgroup is charged for",
}


def first_event(
    kind: FuseEventKind,
    blown: FuseBlown,
    process: KnownProcess,
    policy: Policy,
    limit_name: str = "",
    *,
    time_ns: int,
) -> FuseEvent:
    """The kernel stopped or killed a process; `time_ns` is the Unix time of that.

    `limit_name` describes a limit that the job shares, where the bound is of that.
    """
    event = FuseEvent(
        kind=kind,
        policy=policy.name,
        job=process.job,
        process=blown.key,
        comm=process.comm,
        scope=blown.scope,
        held_bytes=blown.held_bytes,
        measured_bytes=blown.measured_bytes,
        bound_bytes=blown.bound_bytes,
        limit_bytes=process.limit_bytes,
        next_bound_bytes=None,
        stopped_ns=0,
        next_steps=describe_next_steps(policy) if kind is FuseEventKind.STOPPED else "",
        sentence="",
        monotonic_ns=blown.time_ns,
        time_ns=time_ns,
        limit_name=limit_name,
        resumed=blown.resumed,
        filled=blown.filled,
    )
    return event._replace(sentence=_sentence(event, policy.fuse))


def later_event(
    first: FuseEvent,
    kind: FuseEventKind,
    fuse: Fuse,
    *,
    now_ns: int,
    time_ns: int,
    next_bound_bytes: int | None = None,
) -> FuseEvent:
    """A stopped process was resumed or has ended: at `now_ns` CLOCK_MONOTONIC, `time_ns` Unix.

    `first` is the event of its stop.
    """
    event = first._replace(
        kind=kind,
        next_bound_bytes=next_bound_bytes,
        stopped_ns=max(0, now_ns - first.monotonic_ns),
        next_steps="",
        monotonic_ns=now_ns,
        time_ns=time_ns,
    )
    return event._replace(sentence=_sentence(event, fuse))


def describe_next_steps(policy: Policy) -> str:
    """`capture, shell, then SIGKILL`: what happens to a stopped process."""
    assert policy.fuse is not None
    end = "it is resumed" if policy.fuse.then is FuseEnd.THAW else "SIGKILL"
    steps = ", ".join(step.action for step in policy.ladder)
    return f"{steps}, then {end}" if steps else end


def _sentence(event: FuseEvent, fuse: Fuse | None) -> str:
    process = f"{event.comm} {event.process.pid}"
    duration = format_duration(event.stopped_ns)
    filled = "another process fills its memory; " if event.filled else ""
    match event.kind:
        case FuseEventKind.STOPPED:
            return f"{process} was stopped: {filled}{_crossing(event, fuse)}"
        case FuseEventKind.KILLED:
            resumed = f"other programs resumed it {event.resumed} times within a second; "
            why = resumed if event.resumed else ""
            return f"{process} was killed: {why}{filled}{_crossing(event, fuse)}"
        case FuseEventKind.ENDED:
            return f"{process} ended {duration} after it was stopped"
    bound = event.next_bound_bytes
    next_stop = (
        f"the next stop is at {words.size(bound)}"
        if bound
        else "the fuse will not stop it again"
    )
    return f"{process} was resumed after {duration}; {next_stop}"


def _crossing(event: FuseEvent, fuse: Fuse | None) -> str:
    """`its job holds 1.8 GiB (fuse 1.8 GiB, 90% of the limit of 2 GiB)`.

    A bound that was raised after a stop is no longer the share that the policy has.
    """
    share = ""
    if fuse is not None and fuse.share and event.limit_bytes:
        limit = event.limit_name or f"the limit of {words.size(event.limit_bytes)}"
        raised = event.bound_bytes > fuse.bound * event.limit_bytes * _ROUNDING
        of_limit = f"{words.share(fuse.bound)} of {limit}"
        share = f", raised from {of_limit}" if raised else f", {of_limit}"
    usage = f"{_USAGE[event.scope]} {words.size(event.measured_bytes)}"
    return f"{usage} (fuse {words.size(event.bound_bytes)}{share})"


def finding_of(stop: FuseEvent, target: FuseEvent | None = None) -> Finding:
    """The finding that starts an incident; `target` limits it to one stopped process."""
    subject = Subject(stop.job)
    if target is not None:
        subject = Subject(stop.job, target.process, target.comm)
    return Finding(
        detector="fuse",
        subject=subject,
        severity=Severity.CRITICAL,
        measured=stop.measured_bytes,
        bound=stop.bound_bytes,
        unit=FindingUnit.BYTES,
        measures_gain=True,
        since_ns=stop.monotonic_ns,
        time_ns=stop.time_ns,
        monotonic_ns=stop.monotonic_ns,
        seconds_to_limit=None,
        sentence=stop.sentence,
    )
