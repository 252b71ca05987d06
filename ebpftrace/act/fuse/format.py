"""What is said of one that a fuse stopped."""

from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.act.policy.fuse import Fuse, FuseEnd
from ebpftrace.act.policy.policy import Policy
from ebpftrace.events import FuseBlown, FuseScope
from ebpftrace.judge import words
from ebpftrace.judge.finding import Finding, FindingUnit, Severity, Subject
from ebpftrace.units import format_duration

_WHOSE = {
    FuseScope.PROCESS: "it holds",
    FuseScope.JOB: "its job holds",
    FuseScope.CHARGE: "its cgroup is charged for",
}


def next_in_words(policy: Policy) -> str:
    """`capture, shell, then SIGKILL`: what awaits one that stands."""
    assert policy.fuse is not None
    end = "it goes on" if policy.fuse.then is FuseEnd.THAW else "SIGKILL"
    steps = ", ".join(step.action for step in policy.ladder)
    return f"{steps}, then {end}" if steps else end


def blown_in_words(event: FuseBlown, fuse: Fuse | None, limit_bytes: int | None) -> str:
    """`its job holds 1.8 GiB (fuse 1.8 GiB, 90% of the limit of 2 GiB)`."""
    told = f"{_WHOSE[event.scope]} {words.size(event.measured_bytes)}"
    of_limit = ""
    if fuse is not None and fuse.share and limit_bytes:
        of_limit = f", {words.share(fuse.bound)} of the limit of {words.size(limit_bytes)}"
    return f"{told} (fuse {words.size(event.bound_bytes)}{of_limit})"


def sentence(news: FuseEvent, fuse: Fuse | None, event: FuseBlown) -> str:
    """One sentence for each kind."""
    who = f"{news.comm} {news.process.pid}"
    stood = format_duration(news.stopped_ns)
    match news.kind:
        case FuseEventKind.STOPPED:
            return f"{who} stands: {blown_in_words(event, fuse, news.limit_bytes)}"
        case FuseEventKind.KILLED:
            return f"{who} was killed: {blown_in_words(event, fuse, news.limit_bytes)}"
        case FuseEventKind.ENDED:
            return f"{who} ended after it had stood for {stood}"
    next_stop = news.next_bound_bytes
    where = f"the next stop is at {words.size(next_stop)}" if next_stop else "no stop is left"
    return f"{who} goes on after it stood for {stood}; {where}"


def finding_of(news: FuseEvent, event: FuseBlown, meant: FuseEvent | None = None) -> Finding:
    """What an incident begins with: of the job, or of the one that is `meant`."""
    subject = Subject(news.job)
    if meant is not None:
        subject = Subject(news.job, meant.process, meant.comm)
    return Finding(
        detector="fuse",
        subject=subject,
        severity=Severity.CRITICAL,
        measured=news.measured_bytes,
        bound=news.bound_bytes,
        unit=FindingUnit.BYTES,
        measures_gain=True,
        since_ns=event.time_ns,
        time_ns=news.time_ns,
        monotonic_ns=news.monotonic_ns,
        seconds_to_limit=None,
        sentence=news.sentence,
    )
