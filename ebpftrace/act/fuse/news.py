"""News of one that a fuse stopped, as the kernel's event and the books tell it."""

from dataclasses import replace

from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.act.fuse.format import next_in_words, sentence
from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.act.policy.policy import Policy
from ebpftrace.events import FuseBlown
from ebpftrace.ledger import KnownProcess


def first_news(
    kind: FuseEventKind, event: FuseBlown, who: KnownProcess, policy: Policy, *, time_ns: int
) -> FuseEvent:
    """It was stopped, or killed; `time_ns` is the event's Unix time."""
    news = FuseEvent(
        kind=kind,
        policy=policy.name,
        job=who.job,
        process=event.key,
        comm=who.comm,
        scope=event.scope,
        held_bytes=event.held_bytes,
        measured_bytes=event.measured_bytes,
        bound_bytes=event.bound_bytes,
        limit_bytes=who.limit_bytes,
        next_bound_bytes=None,
        stopped_ns=0,
        next_steps=next_in_words(policy) if kind is FuseEventKind.STOPPED else "",
        sentence="",
        monotonic_ns=event.time_ns,
        time_ns=time_ns,
    )
    return replace(news, sentence=sentence(news, policy.fuse, event))


def later_news(
    first: FuseEvent,
    kind: FuseEventKind,
    event: FuseBlown,
    fuse: Fuse,
    *,
    now_ns: int,
    time_ns: int,
    next_bound_bytes: int | None = None,
) -> FuseEvent:
    """What became of one that stood; `now_ns` is CLOCK_MONOTONIC, `time_ns` Unix time."""
    news = replace(
        first,
        kind=kind,
        next_bound_bytes=next_bound_bytes,
        stopped_ns=max(0, now_ns - event.time_ns),
        next_steps="",
        monotonic_ns=now_ns,
        time_ns=time_ns,
    )
    return replace(news, sentence=sentence(news, fuse, event))
